"""The task study on made data: files like OpsEval's, and a table of MMLU-Pro's name."""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")

from edge_router.chat.completion import ChatRequest
from edge_router.export.data.rows import BadData, NoSuchFile, write_rows
from edge_router.export.studies.tasks import classifying, routing
from edge_router.export.studies.tasks.injection import injected
from edge_router.export.studies.tasks.questions import FEW, opseval
from edge_router.export.studies.tasks.study import TasksStudy
from edge_router.learning.outcomes.rows import query_key
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.task_list import TaskList

SUBJECTS = {"mmlu_pro/law": "court {n} of appeal", "mmlu_pro/math": "integral number {n} of x"}
MODELS = ("Phi-3-mini-4k-instruct", "mathstral-7B", "gemma-7b", "Yi-34B")
OPS = {"Log Analysis": "What does line {n} of this log say?", "Oracle": "Which table has row {n}?"}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Twenty questions a task of OpsEval, forty a subject; the first model alone knows law."""
    for part, count in (("dev", 3), ("test", 20)):
        folder = tmp_path / "queries" / "opseval" / part
        folder.mkdir(parents=True)
        for task, text in OPS.items():
            items = [{"question": text.format(n=f"{part} {n}"), "id": n} for n in range(count)]
            content = json.dumps(items).encode()
            if task == "Oracle":
                (folder / f"{task}.json.gz").write_bytes(gzip.compress(content))
            else:
                (folder / f"{task}.json").write_bytes(content)
    table = tmp_path / "outcomes" / "open"
    table.mkdir(parents=True)
    rows: list[dict[str, Any]] = [
        {
            "query": (query := f"What is the {text.format(n=n)}?"),
            "qkey": query_key(query),
            "task": task,
            "split": "test" if n % 4 == 0 else "train",
            "score": {
                name: float((task == "mmlu_pro/law") == (name == MODELS[0])) for name in MODELS
            },
        }
        for task, text in SUBJECTS.items()
        for n in range(40)
    ]
    write_rows(table / f"{routing.TABLE}.jsonl.gz", rows)
    return tmp_path


def test_opseval_is_read_with_its_own_examples_apart(made: Path) -> None:
    """Options are added where the question has none; the task is the file's name."""
    path = made / "queries" / "opseval" / "test" / "Log Analysis.json"
    path.write_text(json.dumps([{"question": "Which?", "choices": ["x", "y"]}]))
    questions = opseval(made)
    assert [one.split for one in questions].count(FEW) == 6
    assert {one.task for one in questions} == set(OPS)
    assert "Which?\nA: x\nB: y" in [one.text for one in questions]
    path.write_text("{}")
    with pytest.raises(BadData, match="Log Analysis"):
        opseval(made)
    with pytest.raises(NoSuchFile):
        opseval(made / "nowhere")


def test_the_study_runs_from_data_to_report(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a set of the table's four models; the second run computes nothing anew."""
    monkeypatch.setattr(routing, "EXPERT_SETS", {"made": MODELS})
    study, parser = TasksStudy(), argparse.ArgumentParser()
    study.options(parser)
    argv = ["--data", str(made), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    options = parser.parse_args([*argv, "--repeats", "50"])
    findings = study.run(options)
    (four, all_of_them) = findings.routing.sets
    assert four.scores["two stages, true task"].value == 1.0
    assert four.scores["two stages, head"].value > 0.9
    assert four.scores["random"].value == pytest.approx(0.5)
    assert four.above["oracle"].value == pytest.approx(0.5)
    assert set(all_of_them.experts) == set(MODELS)
    rows = {row.name: row for row in findings.opseval.rows}
    head = next(row for name, row in rows.items() if name.startswith("head") and "6 q" not in name)
    assert head.confusion.measures()["accuracy"].value == 1.0
    report = study.report(findings, options)
    assert "| two stages, head | " in report.printed
    assert {path.suffix for path in report.files} == {".md", ".json", ".svg"}
    json.loads(report.files[tmp_path / "out" / "tasks.json"])
    again = study.run(options)
    assert again.routing == findings.routing


def test_an_injection_is_counted_as_it_goes() -> None:
    """Of a classifier that always obeys, and of one that never does."""
    tasks = TaskList.of(OPS)
    questions = [LabelledQuestion(ChatRequest.of(f"{n}?"), "Oracle") for n in range(200)]

    def obeys(asked: list[LabelledQuestion]) -> list[str]:
        named = [[task for task in tasks if task in one.text] for one in asked]
        return [one[0] if one else "Oracle" for one in named]

    for one in injected("obeys", obeys, questions, tasks, seed=0):  # type: ignore[arg-type]
        assert one.x_named_with == 1.0
        assert one.accuracy_with == one.x_is_right == one.x_named_without
        assert 0.4 < one.x_is_right < 0.6
    steady = injected("steady", lambda asked: ["Oracle"] * len(asked), questions, tasks, seed=0)
    assert all(one.x_named_with == one.x_named_without for one in steady)
    assert all(one.accuracy_with == one.accuracy_without == 1.0 for one in steady)


def test_uninformed_rows_are_what_they_say() -> None:
    """The largest task of train, for every question."""
    train = [LabelledQuestion(ChatRequest.of(f"{n}?"), t) for n, t in enumerate("aab")]
    rows = classifying._uninformed(train, train, TaskList.of("ab"), 0)
    assert [row.name for row in rows] == ["random", "largest task"]
    assert rows[1].confusion.measures()["recall_macro"].value == 0.5
