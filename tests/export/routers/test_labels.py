"""What routers are taught, and what knows the outcomes, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.evaluation.baselines import oracle_choice_probabilities
from edge_router.export.routers.labels import (
    balanced_weights,
    best_experts,
    sample_weights,
    selection_labels,
    soft_labels,
)

SCORES = st.lists(
    st.lists(st.sampled_from([0.0, 0.3, 0.96, 1.0]), min_size=3, max_size=3), min_size=1, max_size=9
)


def test_soft_labels_by_hand() -> None:
    """Right and wrong at T = 10 are e^0.1 to 1, scores of 3 and 1 at T = 2 are e to 1."""
    assert soft_labels(np.array([[1.0, 0.0]]), 10)[0, 0] == pytest.approx(1 / (1 + math.exp(-0.1)))
    assert soft_labels(np.array([[3.0, 1.0]]), 2)[0, 1] == pytest.approx(1 / (1 + math.e))


@given(SCORES, st.floats(0.1, 100))
def test_soft_labels_are_a_distribution_in_the_order_of_the_scores(
    scores: list[list[float]], temperature: float
) -> None:
    """A higher temperature flattens them and never reorders them."""
    labels = soft_labels(np.array(scores), temperature)
    assert labels.sum(axis=1) == pytest.approx(np.ones(len(scores)))
    assert (np.argsort(labels, kind="stable") == np.argsort(scores, kind="stable")).all()


def test_sample_weights_by_hand() -> None:
    """Three of one label and one of another: 4/3 and 4, of sum 1 over the labels."""
    result = sample_weights(np.array([0, 0, 0, 1]), 2)
    assert result == pytest.approx([0.25, 0.25, 0.25, 0.75])


def test_weights_are_scaled_over_all_training_rows() -> None:
    """Of mean 1 in all: three rows of the common label weigh 2/3, the rare one 2."""
    scores = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    assert balanced_weights(scores) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])


def test_an_expert_that_is_never_best_takes_no_weight_from_the_others() -> None:
    """Its share would be infinite."""
    assert sample_weights(np.array([0, 2]), 4) == pytest.approx([0.5, 0.5])


def test_selection_labels_by_hand() -> None:
    """Within 95 % of the best is right; where all are wrong, none is right."""
    scores = np.array([[1.0, 0.0, 1.0], [0.94, 0.96, 1.0], [0.0, 0.0, 0.0], [0.2, 0.1, 0.19]])
    expected = [[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 0, 1]]
    assert selection_labels(scores).tolist() == expected


def test_of_equally_good_experts_the_first_is_the_best() -> None:
    """A pool lists the cheapest first."""
    assert best_experts(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])).tolist() == [1, 0]


def test_half_an_oracle_by_hand() -> None:
    """p = 1/2: half to the best alone, half to all three alike; two best experts share."""
    result = oracle_choice_probabilities(np.array([[0.0, 1.0, 0.5], [1.0, 1.0, 0.0]]), 0.5)
    assert result[0] == pytest.approx([1 / 6, 1 / 6 + 1 / 2, 1 / 6])
    assert result[1] == pytest.approx([1 / 6 + 1 / 4, 1 / 6 + 1 / 4, 1 / 6])


@given(SCORES, st.floats(0, 1), st.floats(0, 1))
def test_more_oracle_is_never_worse(scores: list[list[float]], one: float, other: float) -> None:
    """r_o(p) is a distribution whose mean score grows with p."""
    low, high = sorted([one, other])
    values = []
    for p in (low, high):
        result = oracle_choice_probabilities(np.array(scores), p)
        assert result.sum(axis=1) == pytest.approx(np.ones(len(scores)))
        values.append((result * scores).sum())
    assert values[0] <= values[1] + 1e-9


def test_what_is_no_probability_is_refused() -> None:
    """The message says the range."""
    with pytest.raises(ValueError, match=r"0\.\.1"):
        oracle_choice_probabilities(np.zeros((1, 2)), 1.5)
