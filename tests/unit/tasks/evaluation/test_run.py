"""EvaluationRun: killed and gone on, failed and tried again, and never mixed with another run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_router import Constraints
from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.errors import BackendUnavailable, BudgetReached, NoExpertFits
from edge_router.learning.enrolment.asking import ExpertKeepsFailing
from edge_router.learning.enrolment.journal import Journal
from edge_router.tasks.classification import Classification
from edge_router.tasks.evaluation.run import EvaluationRun, confusion_of
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.task_list import TaskList
from made_tasks import WORDS, questions


@dataclass
class Scripted:
    """Names law; raises on the calls with these numbers."""

    failing: frozenset[int] = frozenset()
    error: BaseException = field(default_factory=lambda: BackendUnavailable("gone"))
    name: str = "scripted"
    tasks: TaskList = field(default_factory=lambda: TaskList.of(WORDS))
    calls: int = 0

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:
        self.calls += 1
        if self.calls - 1 in self.failing:
            raise self.error
        return Classification("law", self.name, 0.25)


def asked(count: int = 2) -> list[LabelledQuestion]:
    rows = questions(count)
    return [LabelledQuestion(ChatRequest.of(row["query"]), row["task"]) for row in rows]


def run(classifier: Scripted, path: Path, setting: str = "") -> EvaluationRun:
    return EvaluationRun(classifier, Journal(path), setting, pause_s=0.0)


def test_every_question_is_classified_once_and_journalled(tmp_path: Path) -> None:
    """The second run asks nothing and says the same; no text is in the journal."""
    path, classifier = tmp_path / "j.jsonl", Scripted()
    first = run(classifier, path).ask(asked())
    assert [(one.named, one.seconds) for one in first] == [("law", 0.25)] * 6
    assert confusion_of(first, classifier.tasks).measures()["accuracy"].value == pytest.approx(
        1 / 3
    )
    assert run(classifier, path).ask(asked()) == first
    assert classifier.calls == 6
    assert "Question" not in path.read_text()


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """Also after half a line."""
    path = tmp_path / "j.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(Scripted(frozenset({4}), KeyboardInterrupt()), path).ask(asked())
    with path.open("a") as file:
        file.write('{"source": "tas')
    going_on = Scripted()
    assert len(run(going_on, path).ask(asked())) == 6
    assert going_on.calls == 2


def test_a_call_that_fails_is_tried_again(tmp_path: Path) -> None:
    """Three times in a run, and again by the next one."""
    path, failures = tmp_path / "j.jsonl", list[str]()
    patient = Scripted(frozenset({0, 1}))
    assert len(run(patient, path).ask(asked())) == 6
    path.unlink()

    def note(_: int, failure: str | None) -> None:
        failures.extend([failure] if failure else [])

    impatient = Scripted(frozenset({0, 1, 2}))
    assert len(run(impatient, path).ask(asked(), note)) == 5
    assert failures == ["gone"]
    again = Scripted()
    assert len(run(again, path).ask(asked())) == 6
    assert again.calls == 1


def test_a_question_that_no_expert_may_read_does_not_end_the_run(tmp_path: Path) -> None:
    """It counts as failed; a budget that is spent ends the run."""
    path = tmp_path / "j.jsonl"
    private = NoExpertFits("it may not read an e-mail address", excluded={"a": "private_email"})
    assert len(run(Scripted(frozenset({1}), private), path).ask(asked())) == 5
    spent = BudgetReached("spent", excluded={"a": "budget"}, retry_after_s=9.0)
    with pytest.raises(BudgetReached):
        run(Scripted(frozenset({0}), spent), path).ask(asked())


def test_an_expert_that_keeps_failing_ends_the_run(tmp_path: Path) -> None:
    """What was answered stays."""
    path = tmp_path / "j.jsonl"
    with pytest.raises(ExpertKeepsFailing, match="failed 5 times in a row"):
        run(Scripted(frozenset(range(2, 99))), path).ask(asked(3))
    assert len(Journal(path).rows()) == 2


def test_runs_of_other_tasks_or_settings_share_a_file_and_no_answer(tmp_path: Path) -> None:
    """Each asks for itself."""
    path, one, other = tmp_path / "j.jsonl", Scripted(), Scripted()
    run(one, path).ask(asked())
    run(other, path, "another model").ask(asked())
    other.tasks = TaskList.of(("maths", "law"))
    run(other, path, "another model").ask(asked())
    assert (one.calls, other.calls) == (6, 12)
    assert len(run(Scripted(), path).ask(asked())) == 6
