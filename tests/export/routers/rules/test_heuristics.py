"""Rules of thumb do what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.routers.base import Pool, Queries
from edge_router.export.routers.rules.heuristics import (
    ComplexityHeuristic,
    PromptLength,
    TaskOnly,
    complexity,
)


def queries(characters: list[int], kinds: list[str] | None = None) -> Queries:
    """Texts of these lengths."""
    count = len(characters)
    return Queries(
        tuple("x" * length for length in characters),
        np.array(kinds or [""] * count),
        np.array(characters),
        np.zeros((count, 1)),
    )


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=8))
def test_a_longer_prompt_wants_a_stronger_expert_more(characters: list[int]) -> None:
    """What each next expert is worth above the one before is in the order of the lengths."""
    router = PromptLength()
    router.fit(Pool(queries([10, 200, 3000]), ("a", "b", "c"), np.zeros((3, 3))), seed=0)
    steps = np.diff(router.utilities(queries(characters)), axis=1)  # (queries, experts - 1)
    order = np.argsort(characters, kind="stable")
    assert (np.diff(steps[order], axis=0) >= 0).all()
    assert len(set(steps[:, 0].tolist())) == len(set(characters))


def test_a_prompt_of_median_length_has_no_preference() -> None:
    """Shorter ones go to the weakest, longer ones to the strongest."""
    router = PromptLength()
    router.fit(Pool(queries([10, 200, 3000]), ("a", "b", "c"), np.zeros((3, 3))), seed=0)
    result = router.utilities(queries([199, 200, 201]))
    assert result[1].tolist() == [0, 0, 0]
    assert result.argmax(axis=1)[[0, 2]].tolist() == [0, 2]


def test_prompts_of_one_length_leave_nothing_to_scale_by() -> None:
    """No division by zero, no preference."""
    router = PromptLength()
    router.fit(Pool(queries([7, 7]), ("a", "b"), np.zeros((2, 2))), seed=0)
    assert router.utilities(queries([7])).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("easy", "hard"),
    [
        ("What is the capital of France?", "Why is Paris the capital? Explain step by step."),
        ("Say something nice", "Prove something nice"),
        ("Tell me about lists", "```python\ndef f(x): return x\n``` what does this return"),
        ("Two and two", "∫ x^2 dx = ?"),
        ("Name a city.", "1. Name a city.\n2. Name a river.\n3. Name a lake."),
        ("some words", "some words " * 40),
    ],
)
def test_what_looks_hard_scores_higher(easy: str, hard: str) -> None:
    """Reasoning, code, mathematics, parts and length each add to it."""
    assert complexity(easy, len(easy)) < complexity(hard, len(hard))


def test_the_complex_query_goes_to_the_strongest() -> None:
    """Beside a greeting."""
    texts = ("hello", "Prove by induction that 2^n > n, explain why, and compare both proofs.")
    pair = Queries(texts, np.array(["", ""]), np.array([5, 71]), np.zeros((2, 1)))
    router = ComplexityHeuristic()
    router.fit(Pool(pair, ("a", "b"), np.zeros((2, 2))), seed=0)
    assert router.utilities(pair).argmax(axis=1).tolist() == [0, 1]


def test_a_task_is_worth_its_mean_and_an_unseen_one_the_overall_mean() -> None:
    """By hand."""
    train = queries([1, 1, 1], ["maths", "maths", "chat"])
    scores = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 0.4]])
    router = TaskOnly()
    router.fit(Pool(train, ("a", "b"), scores), seed=0)
    result = router.utilities(queries([1, 1, 1], ["chat", "law", "maths"]))
    assert result == pytest.approx(np.array([[1.0, 0.4], [0.5, 0.8], [0.25, 1.0]]))
