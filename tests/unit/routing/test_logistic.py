"""Bayesian logistic regression against brute force, its limits and its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.routing.logistic import (
    Gaussian,
    laplace,
    mixture,
    most_probable,
    sigmoid,
    with_bias,
)

PRIOR = Gaussian.of(np.array([0.5, -1.0]), np.array([[0.5, 0.1], [0.1, 0.3]]))


def _drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    design = with_bias(random.normal(size=(rows, 1)))
    return design, (random.random(rows) < sigmoid(design @ [-0.4, 0.8])).astype(float)


def test_the_mode_is_where_a_grid_finds_it() -> None:
    """Brute force over two parameters in steps of 0.005."""
    design, scores = _drawn(12, 0)
    bias, weight = np.meshgrid(np.arange(-2, 2, 0.005), np.arange(-2, 2, 0.005), indexing="ij")
    grid = np.stack([bias.ravel(), weight.ravel()])
    odds = design @ grid
    away = grid - PRIOR.mean[:, None]
    loss = (np.logaddexp(0, odds) - scores[:, None] * odds).sum(0)
    loss += (away * np.linalg.solve(PRIOR.covariance, away)).sum(0) / 2
    found, _ = laplace(PRIOR, design, scores)
    assert found.mean == pytest.approx(grid[:, loss.argmin()], abs=0.005)
    assert most_probable(PRIOR, design, scores) == pytest.approx(found.mean)


def test_a_fit_comes_back_from_where_the_logistic_is_flat() -> None:
    """A prior far off and sure of nothing: whole Newton steps would run away."""
    design = with_bias(np.full((200, 1), 10.0))
    scores = np.array([1.0, 0.0, 0.0, 0.0] * 50)
    far = Gaussian.of(np.array([20.0, 2.0]), 100 * np.eye(2))
    told = sigmoid(design @ most_probable(far, design, scores))
    assert told.mean() == pytest.approx(0.25, abs=0.01)


def test_without_outcomes_the_posterior_is_the_prior() -> None:
    """And its evidence is 1."""
    found, evidence = laplace(PRIOR, np.zeros((0, 2)), np.zeros(0))
    assert found.mean == pytest.approx(PRIOR.mean)
    assert found.covariance == pytest.approx(PRIOR.covariance)
    assert evidence == pytest.approx(0.0)


def test_with_many_outcomes_the_prior_no_longer_counts() -> None:
    """Two priors far apart end at the same head, and its gradient is zero."""
    design, scores = _drawn(50_000, 1)
    ends = [laplace(Gaussian.of(np.full(2, at), np.eye(2)), design, scores)[0] for at in (-2, 2)]
    assert ends[0].mean == pytest.approx(ends[1].mean, abs=1e-3)
    gradient = design.T @ (sigmoid(design @ ends[0].mean) - scores) / len(scores)
    assert gradient == pytest.approx([0, 0], abs=1e-4)


@given(st.permutations(range(9)))
def test_the_order_of_outcomes_does_not_matter(order: list[int]) -> None:
    """The same rows, the same belief."""
    design, scores = _drawn(9, 2)
    first, evidence = laplace(PRIOR, design, scores)
    second, other = laplace(PRIOR, design[order], scores[order])
    assert second.mean == pytest.approx(first.mean)
    assert other == pytest.approx(evidence)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """300 heads drawn from the prior, 60 outcomes each: 95 % within binomial error."""
    random = np.random.default_rng(3)
    asked = with_bias(np.array([[0.7]]))
    held = 0
    for head in PRIOR.draw(300, 4):
        design = with_bias(random.normal(size=(60, 1)))
        scores = (random.random(60) < sigmoid(design @ head)).astype(float)
        mean, deviation = laplace(PRIOR, design, scores)[0].log_odds(asked)
        held += abs(asked[0] @ head - mean[0]) <= 1.96 * deviation[0]
    assert 0.91 <= held / 300 <= 0.99


def test_the_mean_quality_lies_in_its_interval_and_that_in_0_to_1() -> None:
    """Also where the belief is vague and the quality near 1."""
    vague = Gaussian.of(np.array([4.0, 0.0]), 25 * np.eye(2))
    mean, low, high = vague.mean_quality(with_bias(np.array([[0.0], [1.0]])))
    assert 0 <= low < mean < high <= 1


def test_a_mixture_has_the_mean_and_the_spread_of_its_parts() -> None:
    """Two points of variance 1 at -1 and 1, three to one: mean -1/2, variance 1 + 3/4."""
    parts = [Gaussian.of(np.array([at]), np.eye(1)) for at in (-1.0, 1.0)]
    found, weights = mixture(parts, [np.log(3), 0.0])
    assert weights == pytest.approx([0.75, 0.25])
    assert found.mean == pytest.approx([-0.5])
    assert found.covariance[0, 0] == pytest.approx(1.75)


def test_weights_count_queries_and_a_parameter_without_variance_stays() -> None:
    """A weight of 3 is the query three times; a slope known for certain is kept."""
    design = with_bias(np.array([[0.5], [-1.0], [2.0]]))
    scores, weights = np.array([1.0, 0.0, 1.0]), np.array([1.0, 3.0, 2.0])
    prior = Gaussian.of(np.zeros(2), np.eye(2))
    weighted = most_probable(prior, design, scores, weights)
    times = weights.astype(int)
    repeated = most_probable(prior, design.repeat(times, axis=0), scores.repeat(times))
    assert weighted == pytest.approx(repeated)
    bias_alone = Gaussian(np.array([0.0, 0.7]), np.array([[1.0], [0.0]]))
    assert most_probable(bias_alone, design, scores, weights)[1] == 0.7


@given(st.floats(-1e300, 1e300))
def test_one_number_has_the_probability_that_it_has_among_many(odds: float) -> None:
    """To the last digit, as a float of Python's and of numpy's."""
    among = sigmoid(np.array([odds, 0.0]))[0]
    assert sigmoid(np.float64(odds)) == among
    assert float(sigmoid(odds)) == among
