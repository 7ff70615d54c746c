"""Which queries tell most."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_router.calibration import sigmoid
from edge_router.optimal_design import most_informative
from edge_router.posterior import Gaussian, with_bias

PRIOR = Gaussian.of(np.array([0.3, 0.0, -0.4]), np.diag([0.5, 1.0, 2.0]))


def _design(seed: int, rows: int) -> np.ndarray:
    return with_bias(np.random.default_rng(seed).normal(size=(rows, 2)))


def information(design: np.ndarray) -> float:
    """Log-determinant of the posterior's precision over the prior's: sum of p (1 - p) x x^T."""
    spread = ((design @ PRIOR.covariance) * design).sum(1)
    quality = sigmoid(design @ PRIOR.mean / np.sqrt(1 + np.pi * spread / 8))
    outcome = design.T @ (design * (quality * (1 - quality))[:, None])
    return float(np.linalg.slogdet(np.eye(3) + outcome @ PRIOR.covariance)[1])


@given(st.integers(0, 50))
def test_greedy_comes_near_the_best_of_all_triples(seed: int) -> None:
    """Its first choice is the best single one; three reach at least 1 - 1/e of the best three."""
    design = _design(seed, 7)
    chosen = most_informative(PRIOR, design, 3)
    single = [information(design[[row]]) for row in range(7)]
    assert chosen[0] == int(np.argmax(single))
    best = max(information(design[list(three)]) for three in combinations(range(7), 3))
    assert information(design[chosen]) >= (1 - np.exp(-1)) * best


def test_each_step_is_the_best_one_after_those_before() -> None:
    """The update of the variances equals counting everything anew."""
    design = _design(1, 8)
    chosen = most_informative(PRIOR, design, 5)
    for step in range(5):
        rest = [row for row in range(8) if row not in chosen[:step]]
        told = {row: information(design[[*chosen[:step], row]]) for row in rest}
        assert chosen[step] == max(told, key=told.__getitem__)


def test_no_kind_has_more_than_twice_its_share() -> None:
    """Unless the others have nothing left; none is chosen twice, and never more than there are."""
    design = _design(2, 12)
    design[:9] *= 3  # the first kind tells more
    kinds = ["a"] * 9 + ["b", "c", "d"]
    chosen = most_informative(PRIOR, design, 4, kinds=kinds)
    assert sum(kinds[row] == "a" for row in chosen) == 2
    assert sorted(most_informative(PRIOR, design, 50, kinds=kinds)) == list(range(12))
