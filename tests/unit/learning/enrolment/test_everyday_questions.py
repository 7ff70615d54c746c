"""The questions that ship with the runtime."""

from __future__ import annotations

from edge_router.learning.enrolment.everyday_questions import everyday_questions
from edge_router.learning.enrolment.grading import INSTRUCTIONS


def test_the_questions_come_in_the_same_order_each_time_and_none_twice() -> None:
    """Journals name them by their number."""
    first, second = list(everyday_questions()), list(everyday_questions())
    assert first == second
    assert len({question for _, _, question, _ in first}) == len(first)
    assert {metric for _, metric, _, _ in first} <= INSTRUCTIONS.keys()
