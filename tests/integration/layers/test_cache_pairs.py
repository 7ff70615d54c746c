"""What the answer cache serves of labelled pairs: python -m tests.cache_pairs prints it."""

from __future__ import annotations

from reworded import groups
from tests.cache_pairs import served_pairs, served_talks


def test_paraphrases_are_served_and_traps_are_not() -> None:
    """On the half of the pairs that guards and weights were not made with."""
    pairs = served_pairs(groups(1))
    assert pairs.rate(same=True) >= 0.80
    assert pairs.rate(same=False) <= 0.05
    assert pairs.asked.total() >= 300


def test_no_conversation_gets_the_answer_of_another() -> None:
    """A changed turn, prompt, user or option before the last turn is another conversation."""
    talks = served_talks(1)
    assert talks.asked.total() == 100
    assert talks.rate(same=True) >= 0.80
    assert talks.rate(same=False) == 0
