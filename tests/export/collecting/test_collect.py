"""Collecting outcomes: resumable, and a failure is never a wrong answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatRequest
from edge_router.errors import BackendRejected, BackendUnavailable, ConfigError
from edge_router.routing.experts.expert import Pricing
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

collecting = pytest.importorskip(
    "edge_router.export.collecting.collect", reason="the extra `export`"
)
questions = pytest.importorskip("edge_router.export.data.questions")

from edge_router.export.collecting.asked_expert import AskedExpert  # noqa: E402
from edge_router.export.collecting.open_experts import asked_experts  # noqa: E402
from edge_router.export.collecting.outcome import reference_answer  # noqa: E402
from edge_router.export.data.rows import BadData, BadRow, read_partial_rows, read_rows  # noqa: E402
from edge_router.learning.enrolment.asking import ExpertKeepsFailing  # noqa: E402
from edge_router.learning.outcomes.rows import Row  # noqa: E402

QUESTIONS: list[Row] = list(questions._everyday())[:4]


def run(backend: FakeBackend, out: Path, count: int = 4, **options: object) -> list[Row]:
    """Collect the first `count` questions from one expert, without pauses."""
    expert = AskedExpert("fake", (backend,), Pricing(1.0, 2.0))
    return collected(QUESTIONS[:count], [expert], out, first_pause_s=0.0, **options)


def collected(asked: list[Row], experts: list[AskedExpert], out: Path, **options: Any) -> list[Row]:
    """What was written."""
    collecting.collect(asked, experts, out, **options)
    return list(read_partial_rows(out))


def test_each_question_becomes_one_graded_row(tmp_path: Path) -> None:
    """With answer, tokens, seconds and cost; the file is what was returned, and valid."""
    out = tmp_path / "x.jsonl.gz"
    rows = run(FakeBackend("Paris"), out)
    assert [row["score"] for row in rows] == [{"fake": 1.0}] + [{"fake": 0.0}] * 3
    assert rows[0]["answer"] == {"fake": "Paris"}
    assert rows[0]["output_tokens"] == {"fake": 1}
    cost = rows[0]["input_tokens"]["fake"] * 1e-6 + 2e-6
    assert rows[0]["cost_usd"] == {"fake": pytest.approx(cost)}
    assert 0 <= rows[0]["ttft_s"]["fake"] <= rows[0]["latency_s"]["fake"]
    assert list(read_rows(out)) == rows
    assert not collecting.journal_of(out).path.exists()


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Half a line is thrown away, whole lines are kept, nothing is asked twice."""
    out = tmp_path / "x.jsonl"
    rows = run(FakeBackend("Paris"), out, count=2)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    out.unlink()
    collecting.journal_of(out).path.write_text(lines + '{"source": "everyday", "id": "every')
    backend = FakeBackend("Rome")
    again = run(backend, out)
    assert again[:2] == rows
    assert len(again) == 4
    assert len(backend.requests) == 2


def test_another_expert_joins_the_rows_that_are_there(tmp_path: Path) -> None:
    """One row per question, with the scores of both, in the order of the questions."""
    out = tmp_path / "x.jsonl"
    run(FakeBackend("Paris"), out)
    second = AskedExpert("other", (FakeBackend("Berlin"),) * 2)
    rows = collected(QUESTIONS, [second], out)
    assert [row["score"] for row in rows[:2]] == [
        {"fake": 1.0, "other": 0.0},
        {"fake": 0.0, "other": 1.0},
    ]
    assert "other" not in rows[0]["cost_usd"]
    assert [row["id"] for row in rows] == [row["id"] for row in QUESTIONS]


def test_an_expert_that_fails_is_asked_again_then_recorded_as_failed(tmp_path: Path) -> None:
    """Its score stays unknown, until a later run that retries gets an answer."""
    out = tmp_path / "x.jsonl"
    backend = FakeBackend(error=BackendUnavailable("down"))
    (row,) = run(backend, out, count=1)
    assert (row["score"], row["failed"]) == ({}, {"fake": "down"})
    assert len(backend.requests) == collecting.ATTEMPTS
    assert run(FakeBackend("Paris"), out, count=1) == [row]
    (mended,) = run(FakeBackend("Paris"), out, count=1, retry_failed=True)
    assert mended["score"] == {"fake": 1.0}
    assert "failed" not in mended


def test_a_refusal_is_not_asked_again(tmp_path: Path) -> None:
    """It would be the same."""
    backend = FakeBackend(error=BackendRejected("no such model"))
    (row,) = run(backend, tmp_path / "x.jsonl", count=1)
    assert row["failed"] == {"fake": "no such model"}
    assert len(backend.requests) == 1


def test_an_expert_that_only_fails_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of marking every question as failed; what was done is kept."""
    monkeypatch.setattr(collecting, "FAILURES_IN_A_ROW", 3)
    out = tmp_path / "x.jsonl"
    with pytest.raises(ExpertKeepsFailing, match="failed 3 times in a row, last: 401"):
        run(FakeBackend(error=BackendRejected("401")), out)
    assert len(collecting.journal_of(out).rows()) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.skipif(os.name != "posix", reason="nothing is locked there")
def test_two_runs_at_once_do_not_lose_each_others_answers(tmp_path: Path) -> None:
    """The second is refused before it asks: it would write its rows over those of the first."""
    out, backend = tmp_path / "x.jsonl", FakeBackend("7")
    with (
        collecting.journal_of(out).alone(),
        pytest.raises(ConfigError, match="another process works with"),
    ):
        run(backend, out)
    assert not backend.requests
    assert len(run(backend, out)) == 4


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """With the file and what to do, not as an unexpected error."""
    out = tmp_path / "x.jsonl"
    journal = collecting.journal_of(out).path
    with (
        pytest.raises(BadData, match=r"x\.jsonl\.journal cannot be written: No space left"),
        collecting.written(journal),
        Path("/dev/full").open("w") as full,
    ):
        full.write("a row")


def test_a_folder_is_no_result(tmp_path: Path) -> None:
    """The message says so, for collecting and for grading."""
    with pytest.raises(BadData, match="is a folder; name a file in it"):
        run(FakeBackend("Paris"), tmp_path)


def test_a_run_that_cannot_write_its_result_leaves_the_old_one(tmp_path: Path) -> None:
    """And its journal, from which the next run goes on without asking."""
    out = tmp_path / "x.jsonl"
    rows = run(FakeBackend("Paris"), out, count=1)
    before = out.read_bytes()
    tmp_path.joinpath(f"x.jsonl.{os.getpid()}.new").mkdir()  # in the way of the new file
    with pytest.raises(BadData, match="cannot be written"):
        run(FakeBackend("Rome"), out, count=2)
    assert out.read_bytes() == before
    tmp_path.joinpath(f"x.jsonl.{os.getpid()}.new").rmdir()
    backend = FakeBackend("Rome")
    assert run(backend, out, count=2)[:1] == rows
    assert backend.requests == []


class Scoring(FakeBackend):
    """A backend that knows how likely an answer was."""

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        return float(len(reference))


def test_references_are_scored_where_the_backend_can(tmp_path: Path) -> None:
    """With the first accepted answer, or the row's own reference."""
    rows = run(Scoring("Paris"), tmp_path / "x.jsonl", count=1)
    assert rows[0]["nll"] == {"fake": float(len("Paris"))}
    assert "nll" not in run(FakeBackend("Paris"), tmp_path / "y.jsonl", count=1)[0]
    assert reference_answer({"gold": "a|b"}) == "a"
    assert reference_answer({"gold": "3", "reference": "1+2=3"}) == "1+2=3"


def test_a_reference_that_cannot_be_scored_costs_only_its_likelihood(tmp_path: Path) -> None:
    """The answer was there; a backend that fails afterwards does not end the collection."""

    class Failing(FakeBackend):
        def negative_log_likelihood(self, *_: object, **__: object) -> float | None:
            raise BackendUnavailable("ran out of time")

    (row,) = run(Failing("Paris"), tmp_path / "x.jsonl", count=1)
    assert row["score"] == {"fake": 1.0}
    assert "nll" not in row


LOCAL = ExpertConfig("openai", "m", "8b", base_url="http://127.0.0.1:1/v1")


def test_experts_that_cannot_be_asked_are_refused() -> None:
    """An unknown name, no workers, and no price where costs are asked for: not zero."""
    for names, parallel, costs, message in (
        (["b"], 1, False, "no expert 'b'; configured are a"),
        (None, 0, False, "parallel = 0"),
        (None, 1, True, r"\[experts.a\] has no price"),
    ):
        with (
            pytest.raises(ConfigError, match=message),
            asked_experts({"a": LOCAL}, names, parallel=parallel, costs=costs),
        ):
            pass
    with asked_experts({"a": LOCAL}, None, parallel=3, costs=False) as (expert,):
        assert len(expert.backends) == 3
        assert expert.pricing is None


def test_own_questions_are_read_and_checked(tmp_path: Path) -> None:
    """JSON lines with query, gold and metric."""
    file = tmp_path / "mine.jsonl"
    file.write_text('{"query": "2+2?", "gold": 4, "metric": "number"}\n')
    (row,) = questions.read_questions(file)
    assert (row["source"], row["gold"], row["task"]) == ("mine", "4", "mine")
    file.write_text('{"query": "2+2?", "gold": 4, "metric": "vibes"}\n')
    with pytest.raises(BadRow, match="'vibes'; known are"):
        questions.read_questions(file)
    file.write_text('{"query": "2+2?", "gold": "four", "metric": "number"}\n')
    with pytest.raises(BadRow, match="gold 'four', no number"):
        questions.read_questions(file)
    file.write_text('{"query": "Up or down?", "gold": "up", "metric": "first"}\n')
    with pytest.raises(BadRow, match=r"gold 'up'; metric 'first' needs right\|wrong"):
        questions.read_questions(file)
    file.write_text('{"query": "2+2?"}\n')
    with pytest.raises(BadRow, match=r'mine\.jsonl:1 lacks "gold", "metric"'):
        questions.read_questions(file)
    file.write_text("\n")
    with pytest.raises(BadData, match="holds no question"):
        questions.read_questions(file)


def test_own_questions_keep_their_text_and_borrowed_ones_do_not(tmp_path: Path) -> None:
    """So the result of a user's own file can be trained on as it is."""
    out = tmp_path / "x.jsonl"
    borrowed = QUESTIONS[1] | {"borrowed": True}
    expert = AskedExpert("fake", (FakeBackend("Paris"),))
    own, other = collected([QUESTIONS[0] | {"source": "mine"}, borrowed], [expert], out)
    assert (own["query"], own["gold"]) == (QUESTIONS[0]["query"], QUESTIONS[0]["gold"])
    assert "query" not in other
    assert "gold" not in other


def test_the_confidence_of_a_model_is_kept_where_it_has_one(tmp_path: Path) -> None:
    """At each look that the answer outlasts, and whole."""
    (row,) = run(FakeBackend("a b c d e f", margin=0.25), tmp_path / "x.jsonl", count=1)
    result = row["confidence"]["fake"]
    assert {seen: one["tokens"] for seen, one in result.items()} == {"whole": 6, "4": 4}
    assert result["4"]["min_margin"] == 0.25
    assert "confidence" not in run(FakeBackend("a b"), tmp_path / "y.jsonl", count=1)[0]


def test_some_of_the_questions_are_drawn_by_their_hash() -> None:
    """A larger draw holds a smaller one, in the order of all; an unknown source is refused."""
    asked = [row | {"source": f"s{n % 2}"} for n, row in enumerate(QUESTIONS)]
    few, more = (questions.some_of(asked, sources=None, count=n) for n in (2, 3))
    assert [row for row in more if row in few] == few
    assert (len(few), len(more)) == (2, 3)
    assert questions.some_of(asked, sources=["s1"], count=None) == asked[1::2]
    with pytest.raises(BadData, match=r"no questions of \['s7'\]; there are \['s0', 's1'\]"):
        questions.some_of(asked, sources=["s7"], count=None)
