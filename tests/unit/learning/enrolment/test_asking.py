"""Asking questions with gold answers: requests, retries, journalled outcomes, giving up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_router.errors import BackendRejected, BackendUnavailable
from edge_router.learning.enrolment.asking import (
    ExpertKeepsFailing,
    Retries,
    outcome_row,
    question_request,
    record,
)
from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row


def failing(*errors: Exception) -> Callable[[], str]:
    """Raises each error in turn, then answers."""
    left = list(errors)

    def ask() -> str:
        if left:
            raise left.pop(0)
        return "Paris"

    return ask


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds slept."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_a_question_goes_with_its_instruction() -> None:
    """At temperature 0, cut where the metric needs no more."""
    request = question_request("Capital?", instruction=" One word.", max_tokens=8)
    assert [message.content for message in request.messages] == ["Capital? One word."]
    assert (request.max_tokens, request.temperature) == (8, 0.0)


def test_pauses_double_unless_the_server_names_one(pauses: list[float]) -> None:
    """And none is longer than the longest."""
    down = BackendUnavailable("down")
    asks = failing(down, down, BackendUnavailable("busy", retry_after_s=60.0), down)
    assert Retries(5, 0.5, most_pause_s=3.0).run(asks) == "Paris"
    assert pauses == [0.5, 1.0, 3.0, 3.0]


def test_the_last_failure_is_raised_and_a_refusal_at_once(pauses: list[float]) -> None:
    """A refusal would be the same again."""
    with pytest.raises(BackendUnavailable, match="second"):
        Retries(2, 0.5).run(failing(BackendUnavailable("first"), BackendUnavailable("second")))
    with pytest.raises(BackendRejected):
        Retries(2, 0.5).run(failing(BackendRejected("no such model")))
    assert pauses == [0.5]


def outcomes(*failed: bool) -> Iterator[Row]:
    """A row of the expert x for each, failed or answered right."""
    for number, failure in enumerate(failed):
        asks = failing(BackendRejected(f"failure {number}")) if failure else failing()
        question = {"source": "made", "id": number}
        yield outcome_row(question, "x", lambda asks=asks: {"score": 1.0, "answer": asks()})


def test_an_outcome_is_a_row_by_expert_and_a_failure_has_no_score() -> None:
    """A value that is not known is left out."""
    answered, failed = outcomes(False, True)
    assert answered == {"source": "made", "id": 0, "score": {"x": 1.0}, "answer": {"x": "Paris"}}
    assert failed == {"source": "made", "id": 1, "score": {}, "failed": {"x": "failure 1"}}
    assert outcome_row({}, "x", lambda: {"score": 0.0, "nll": None}) == {"score": {"x": 0.0}}


def test_each_outcome_is_journalled_before_it_is_given_out(tmp_path: Path) -> None:
    """Failures only where they are wanted: then they are not asked again by the next run."""
    for keep, kept in ((False, [0, 2]), (True, [0, 1, 2])):
        journal = Journal(tmp_path / str(keep))
        rows = outcomes(False, True, False)
        seen = record(rows, "x", journal, most_failures=2, keep_failures=keep)
        for number, row in enumerate(seen):
            assert row["id"] == number
            assert [one["id"] for one in journal.rows()] == [n for n in kept if n <= number]


def test_failures_in_a_row_end_the_run(tmp_path: Path) -> None:
    """A success between them starts the count anew; the rows before the last failure are kept."""
    journal = Journal(tmp_path / "j")
    rows = outcomes(True, False, True, True, False)
    with pytest.raises(ExpertKeepsFailing, match="x failed 2 times in a row, last: failure 3; its"):
        list(record(rows, "x", journal, most_failures=2, keep_failures=True))
    assert [row["id"] for row in journal.rows()] == [0, 1, 2]
