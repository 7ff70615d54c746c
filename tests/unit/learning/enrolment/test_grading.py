"""Grading rules: what counts as a right answer."""

from __future__ import annotations

import pytest

from edge_router.learning.enrolment.everyday_questions import everyday_questions
from edge_router.learning.enrolment.grading import INSTRUCTIONS, MAX_TOKENS, grade


@pytest.mark.parametrize(
    ("metric", "answer", "gold", "score"),
    [
        ("letter", "B. Glycogen", "B", 1),
        ("letter", "A. no\nThe correct answer is D.", "D", 1),
        ("letter", "(C) Ambiguous", "(C)", 1),
        ("letter", "A long story, then B", "B", 0),  # the first letter that stands alone counts
        ("letter", "I don't know", "D", 0),
        ("letter", "", "A", 0),
        ("number", "so 3 * 4 = 12. The answer is $1,200.", "1200", 1),
        ("number", "The answer is 12", "13", 0),
        ("number", "none", "0", 0),
        ("text", "The capital of France is Paris.", "Paris", 1),
        ("text", "It is parisian", "Paris", 0),
        ("text", "Twenty-four hours", "24|twenty-four", 1),
        ("exact", " paris.", "Paris|The city of Paris", 1),
        ("exact", "It is Paris", "Paris", 0),
        ("first", "A rose is a plant, not an animal", "plant|animal", 1),
        ("first", "Neither plant", "animal|plant", 0),
    ],
)
def test_grade(metric: str, answer: str, gold: str, score: float) -> None:
    """Each rule on answers as small models write them."""
    assert grade(metric, answer, gold) == score


def test_every_everyday_question_is_gradable_and_stands_once() -> None:
    """Its gold answer is right by its own rule, whatever the metric."""
    questions = list(everyday_questions())
    assert len({question for _, _, question, _ in questions}) == len(questions) > 300
    for _, metric, question, gold in questions:
        assert metric in INSTRUCTIONS
        assert metric in MAX_TOKENS
        assert grade(metric, gold.split("|")[0], gold) == 1, question
