"""Optimal design: which queries are most informative."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.learning.enrolment.optimal_design import most_informative
from edge_router.routing.logistic import Gaussian, sigmoid, with_bias

PRIOR = Gaussian.of(np.array([0.3, 0.0, -0.4]), np.diag([0.5, 1.0, 2.0]))


def _design(seed: int, rows: int) -> np.ndarray:
    return with_bias(np.random.default_rng(seed).normal(size=(rows, 2)))


def doubt(design: np.ndarray, rows: list[int]) -> float:
    """Mean variance of the quality, less its mean, once `rows` are answered; all by brute force."""
    spread = ((design @ PRIOR.covariance) * design).sum(1)
    quality = sigmoid(design @ PRIOR.mean / np.sqrt(1 + np.pi * spread / 8))
    slope = (quality * (1 - quality))[:, None]
    asked = design[rows]
    precision = np.linalg.inv(PRIOR.covariance) + asked.T @ (asked * slope[rows])
    moved = design * slope
    moved = moved - moved.mean(0)
    return float(np.mean(((moved @ np.linalg.inv(precision)) * moved).sum(1)))


@given(st.integers(0, 50))
def test_each_step_leaves_the_least_doubt_after_those_before(seed: int) -> None:
    """The running update equals counting everything anew."""
    design = _design(seed, 8)
    chosen = most_informative(PRIOR, design, 4)
    for step in range(4):
        rest = [row for row in range(8) if row not in chosen[:step]]
        left = {row: doubt(design, [*chosen[:step], row]) for row in rest}
        assert left[chosen[step]] == pytest.approx(min(left.values()), rel=1e-9)


@given(st.integers(0, 50))
def test_greedy_comes_near_the_best_of_all_triples(seed: int) -> None:
    """Three reach at least 1 - 1/e of what the best three take away."""
    design = _design(seed, 7)
    chosen = most_informative(PRIOR, design, 3)
    before = doubt(design, [])
    best = min(doubt(design, list(three)) for three in combinations(range(7), 3))
    assert before - doubt(design, chosen) >= (1 - np.exp(-1)) * (before - best)


def test_a_query_that_shows_only_the_level_is_not_asked_first() -> None:
    """The mean query moves all qualities alike; it does not tell experts apart."""
    design = with_bias(np.array([[0.0, 0.0]] * 3 + [[2.0, 0.0], [-2.0, 0.0]]))
    prior = Gaussian.of(np.zeros(3), np.diag([9.0, 0.1, 0.1]))
    assert most_informative(prior, design, 1)[0] in (3, 4)


def test_no_kind_has_more_than_twice_its_share() -> None:
    """Unless the others have nothing left; none is chosen twice, and never more than there are."""
    design = _design(2, 12)
    design[:9] *= 3  # the first kind tells more
    kinds = ["a"] * 9 + ["b", "c", "d"]
    chosen = most_informative(PRIOR, design, 4, kinds=kinds)
    assert sum(kinds[row] == "a" for row in chosen) == 2
    assert sorted(most_informative(PRIOR, design, 50, kinds=kinds)) == list(range(12))
