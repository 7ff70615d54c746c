"""Asking questions with gold answers: what is sent, tried again and given up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from edge_router.errors import BackendRejected, BackendUnavailable
from edge_router.learning.enrolment.asking import FailureStreak, Retries, question_request


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


def test_a_success_ends_a_streak_of_failures() -> None:
    """Only failures without a success between them count."""
    streak = FailureStreak(2)
    assert [streak.add(failed=failed) for failed in (True, False, True, True)] == [
        False,
        False,
        False,
        True,
    ]
