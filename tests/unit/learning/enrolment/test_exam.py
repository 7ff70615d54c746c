"""Asking an expert the shipped questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_router.errors import BackendUnavailable, ConfigError
from edge_router.learning.enrolment.asking import ExpertKeepsFailing
from edge_router.learning.enrolment.exam import Examination, exam_questions
from edge_router.learning.enrolment.journal import Journal
from edge_router.routing.experts.expert import Pricing
from edge_router.testing import FakeBackend

QUESTIONS = exam_questions()[:4]  # capitals, the first of them Paris


def test_answers_are_graded_and_kept_without_text(tmp_path: Path) -> None:
    """And a second run asks nothing."""
    backend, journal = FakeBackend("It is Paris"), Journal(tmp_path / "experts" / "j")
    answers = Examination("x", backend, journal).ask(QUESTIONS)
    assert [answer.score for answer in answers] == [1, 0, 0, 0]
    assert answers[0].output_tokens == 3
    assert "Paris" not in journal.path.read_text()
    assert Examination("x", backend, journal).ask(QUESTIONS) == answers
    assert len(backend.requests) == 4


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Half a line, and one that is no answer, are skipped."""
    journal = Journal(tmp_path / "j")
    Examination("x", FakeBackend("Paris"), journal).ask(QUESTIONS[:2])
    with journal.path.open("a") as file:
        file.write('[1]\n{"id": "half')
    backend = FakeBackend("Paris")
    assert len(Examination("x", backend, journal).ask(QUESTIONS)) == 4
    assert len(backend.requests) == 2
    assert len(journal.rows()) == 4


def test_a_failure_is_reported_and_never_a_wrong_answer(tmp_path: Path) -> None:
    """What may pass is asked once more first."""
    progress: list[tuple[int, str | None]] = []
    backend = FakeBackend(error=BackendUnavailable("down"))
    exam = Examination("x", backend, Journal(tmp_path / "j"), pause_s=0.0)
    assert exam.ask(QUESTIONS[:2], lambda done, failure: progress.append((done, failure))) == []
    assert progress == [(1, "down"), (2, "down")]
    assert len(backend.requests) == 4
    assert exam.journal.rows() == []


def test_five_failures_in_a_row_end_it(tmp_path: Path) -> None:
    """With the last one's words."""
    backend = FakeBackend(error=BackendUnavailable("down"))
    exam = Examination("x", backend, Journal(tmp_path / "j"), pause_s=0.0)
    with pytest.raises(ExpertKeepsFailing, match="x failed 5 times in a row, last: down"):
        exam.ask(exam_questions()[:9])


def test_an_expert_that_thinks_has_room_for_its_answer(tmp_path: Path) -> None:
    """Its thoughts count in max_tokens, and in what the longest answer may cost."""
    backend, price = FakeBackend("Paris"), Pricing(0.0, 1e6)  # a dollar per token
    exam = Examination("x", backend, Journal(tmp_path / "j"), thought_tokens=1000.5)
    exam.ask(QUESTIONS[:1])
    (asked,) = backend.requests
    assert asked.max_tokens == QUESTIONS[0].request.max_tokens + 1001
    poor = replace(exam, journal=Journal(tmp_path / "k"), pricing=price, budget_usd=1000.0)
    with pytest.raises(ConfigError, match=r"budget of \$1,000.00 is spent"):
        poor.ask(QUESTIONS)


def test_a_budget_is_never_exceeded(tmp_path: Path) -> None:
    """Asked only if the longest answer could be paid; without a price, not at all."""
    backend, price = FakeBackend("Paris"), Pricing(0.0, 1e6)  # a dollar per token, 48 at most
    exam = Examination("x", backend, Journal(tmp_path / "j"), pricing=price, budget_usd=49.0)
    with pytest.raises(ConfigError, match=r"budget of \$49.00 is spent"):
        exam.ask(QUESTIONS)
    assert len(backend.requests) == 2
    with pytest.raises(ConfigError, match="price of 'x' is not known"):
        Examination("x", backend, Journal(tmp_path / "k"), budget_usd=1.0).ask(QUESTIONS)
