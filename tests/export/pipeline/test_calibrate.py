"""Temperature and least gains: small arrays by hand, and the laws that hold on all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_router.export.pipeline.calibrate import (
    fit_temperature,
    gain_for_call_rate,
    gain_for_quality,
)
from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

# Hundredths: sums and comparisons of a test's own are then exact enough to compare with.
PARTS = st.integers(0, 100).map(lambda n: n / 100)
GAINS = st.lists(st.integers(-100, 100).map(lambda n: n / 100), min_size=1, max_size=30)
ROWS = st.lists(st.tuples(st.integers(-99, 99), PARTS, PARTS), min_size=1, max_size=25)
ROWS_OF_DISTINCT_GAIN = ROWS.map(lambda rows: list({row[0]: row for row in rows}.values()))


def _columns(rows: list[tuple[int, float, float]]) -> tuple[Float64s, Float64s, Float64s]:
    table = np.asarray(rows, dtype=np.float64)
    return table[:, 0] / 100, table[:, 1], table[:, 2]


def _kept(threshold: float, gains: Float64s, weak: Float64s, strong: Float64s) -> float:
    """The total score when every query of at least this gain goes to the strong expert."""
    return float(np.where(gains >= threshold, strong, weak).sum())


@pytest.mark.parametrize(("rate", "threshold"), [(0.25, 0.8), (0.5, 0.4), (0.75, 0.1), (1.0, -0.2)])
def test_gain_for_call_rate_by_hand(rate: float, threshold: float) -> None:
    """Of four queries, one, two, three and all of them are called."""
    assert gain_for_call_rate(np.array([0.1, 0.8, -0.2, 0.4]), rate) == threshold


@pytest.mark.parametrize(("rate", "threshold"), [(0.0, 0.8), (1.7, -0.2)])
def test_a_call_rate_out_of_range_stops_at_the_ends(rate: float, threshold: float) -> None:
    """At least one query and at most all of them."""
    assert gain_for_call_rate(np.array([0.1, 0.8, -0.2, 0.4]), rate) == threshold


@given(GAINS, st.integers(1, 100))
def test_the_call_rate_is_reached_to_half_a_query(gains: list[float], percent: int) -> None:
    """What is called differs from what was asked for by rounding to whole queries alone."""
    result = np.array(gains)
    calls = int((result >= gain_for_call_rate(result, percent / 100)).sum())
    assert calls >= percent / 100 * len(gains) - 0.5 - 1e-9


@given(GAINS, st.integers(1, 100))
@example([0.5, 0.4, 0.3, 0.2, 0.1], 50)
def test_at_least_the_call_rate_is_reached(gains: list[float], percent: int) -> None:
    """At least `rate` of the queries have a gain of the threshold or more."""
    result = np.array(gains)
    called = float((result >= gain_for_call_rate(result, percent / 100)).mean())
    assert called >= percent / 100 - 1e-9


@given(GAINS, st.integers(1, 99))
def test_a_higher_call_rate_never_raises_the_threshold(gains: list[float], percent: int) -> None:
    """Asking more often means asking for less gain."""
    result = np.array(gains)
    assert gain_for_call_rate(result, (percent + 1) / 100) <= gain_for_call_rate(
        result, percent / 100
    )


@pytest.mark.parametrize(("share", "threshold"), [(0.3, 0.9), (0.5, 0.9), (0.75, 0.5), (1.0, 0.2)])
def test_gain_for_quality_by_hand(share: float, threshold: float) -> None:
    """The strong expert scores 4, the weak one 1: one call makes 2, two make 3, three make 4."""
    gains = np.array([0.5, 0.1, 0.9, 0.2])
    weak, strong = np.array([0.0, 1.0, 0.0, 0.0]), np.ones(4)
    assert gain_for_quality(gains, weak, strong, share) == threshold


def test_a_share_that_the_weak_expert_keeps_alone_needs_no_call() -> None:
    """The threshold then lies above every gain."""
    gains, weak, strong = np.array([0.9, 0.1]), np.array([1.0, 0.2]), np.array([0.1, 1.0])
    assert gain_for_quality(gains, weak, strong, 1.0) > 0.9


def test_a_quality_out_of_reach_asks_always() -> None:
    """More than the strong expert can do gives the smallest gain."""
    gains = np.array([0.5, 0.1, 0.9])
    assert gain_for_quality(gains, np.zeros(3), np.full(3, 0.5), 1.5) == 0.1


def test_a_call_that_does_harm_is_paid_back_first() -> None:
    """Where the largest gain was a wrong guess, the threshold goes on until the share is kept."""
    gains = np.array([0.9, 0.5, 0.1])
    weak, strong = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])
    assert gain_for_quality(gains, weak, strong, 1.0) == 0.1


@given(ROWS_OF_DISTINCT_GAIN, PARTS)
def test_the_quality_is_kept_by_the_largest_gain_that_keeps_it(
    rows: list[tuple[int, float, float]], share: float
) -> None:
    """The share of the strong expert's score is reached, and no larger gain reaches it."""
    gains, weak, strong = _columns(rows)
    threshold = gain_for_quality(gains, weak, strong, share)
    wanted = share * strong.sum()
    assert _kept(threshold, gains, weak, strong) >= wanted - 1e-9
    assert all(_kept(g, gains, weak, strong) < wanted + 1e-9 for g in gains[gains > threshold])


@given(ROWS, PARTS)
@example([(50, 0.0, 1.0), (50, 1.0, 0.0), (10, 0.0, 1.0)], 1.0)
def test_the_quality_is_kept_where_gains_are_equal(
    rows: list[tuple[int, float, float]], share: float
) -> None:
    """Queries of the same gain are called together, and the share is kept all the same."""
    gains, weak, strong = _columns(rows)
    threshold = gain_for_quality(gains, weak, strong, share)
    assert _kept(threshold, gains, weak, strong) >= share * strong.sum() - 1e-9


@pytest.mark.parametrize("temperature", [0.3, 0.5, 1.0, 1.7, 3.5])
def test_fit_temperature_recovers_the_true_one(temperature: float) -> None:
    """Scores that are the true probabilities give back the temperature that made them."""
    log_odds = np.random.default_rng(0).normal(0, 3, 500)
    assert fit_temperature(log_odds, sigmoid(log_odds / temperature)) == pytest.approx(
        temperature, rel=1e-3
    )


def test_fit_temperature_recovers_it_from_right_and_wrong() -> None:
    """Drawn outcomes of 0 and 1 do too, within what their number allows."""
    chance = np.random.default_rng(1)
    log_odds = chance.normal(0, 3, 20_000)
    scores = (chance.random(20_000) < sigmoid(log_odds / 2)).astype(float)
    assert fit_temperature(log_odds, scores) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("right", "bound"), [(1.0, 0.25), (0.0, 4.0)])
def test_fit_temperature_stays_in_its_bounds(right: float, bound: float) -> None:
    """A head that is always right, or always wrong, does not run away."""
    log_odds = np.array([2.0, 1.0, 3.0])
    assert fit_temperature(log_odds, np.full(3, right)) == pytest.approx(bound, rel=1e-3)
