"""Thresholds that keep their targets, on populations made by a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.errors import OutcomesUnusable
from edge_router.learning.calibration.risk_control import (
    GRID,
    along_grid,
    control,
    fixed_sequence,
    most_usd,
    risks,
    searches,
)
from edge_router.learning.calibration.targets import parse_targets
from made_evidence import made_evidence

LARGE = made_evidence(50_000, seed=99)  # its means are taken for the truth


def test_means_along_the_grid_are_those_of_each_threshold() -> None:
    """By the definition, threshold by threshold; a gain that equals it goes to the strong one."""
    gains = np.array([-0.5, 0.1, 0.1, 0.75])
    weak, strong = np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 20.0, 30.0, 40.0])
    expected = [np.where(gains >= at, strong, weak).mean() for at in GRID]
    assert along_grid(gains, weak, strong).tolist() == pytest.approx(expected)
    both = along_grid(*(np.stack([part, part[::-1]]) for part in (gains, weak, strong)))
    assert np.allclose(both, [expected, expected])


def test_a_sequence_ends_at_the_first_hypothesis_that_stands() -> None:
    """What comes later was never tested."""
    rejected = np.array([[True, True, False, True], [False, True, True, True]])
    assert fixed_sequence(rejected).tolist() == [
        [True, True, False, False],
        [False, False, False, False],
    ]


def test_quality_and_cost_are_searched_from_opposite_ends() -> None:
    """Each end makes a sequence, and both share the risk; cost and calls are one."""
    asked = risks(
        parse_targets(["quality>=0.9, strong_calls<=0.9, cost<=2/1000, p95_latency<=3"]), LARGE
    )
    found = [([risk.target.quantity for risk in group], ends) for group, ends in searches(asked)]
    assert found == [
        (["quality"], ("strong",)),
        (["p95_latency"], ("strong", "weak")),
        (["strong_calls", "cost"], ("weak",)),
    ]


def test_all_targets_together_are_met_on_the_population() -> None:
    """One threshold between both ends."""
    targets = parse_targets(["quality>=0.85, cost<=1.9/1000"])
    threshold = control(made_evidence(2000, seed=3), targets, confidence=0.9)
    assert threshold is not None
    for risk in risks(targets, LARGE):
        assert risk.means(LARGE.turns)[np.searchsorted(GRID, threshold)] <= risk.level


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.5, 0.94), st.floats(0.01, 0.05))
def test_asking_for_more_never_asks_the_strong_expert_less(
    seed: int, share: float, step: float
) -> None:
    """A higher quality or a higher confidence gives a lower threshold, or none."""
    evidence = made_evidence(300, seed)

    def threshold(bound: float, confidence: float) -> float:
        found = control(evidence, parse_targets([f"quality>={bound}"]), confidence=confidence)
        return -2.0 if found is None else found

    assert threshold(share + step, 0.9) <= threshold(share, 0.9)
    assert threshold(share, 0.99) <= threshold(share, 0.9)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.1, 0.8), st.floats(0.01, 0.1))
def test_more_strong_calls_allowed_are_never_used_less(
    seed: int, share: float, step: float
) -> None:
    """The bound is exact, so the order is strict in what it allows."""
    evidence = made_evidence(300, seed)

    def threshold(bound: float) -> float:
        found = control(evidence, parse_targets([f"strong_calls<={bound}"]), confidence=0.9)
        return 2.0 if found is None else found

    assert threshold(share + step) <= threshold(share)


def test_always_asking_the_safe_expert_is_no_answer() -> None:
    """A few rows prove no threshold that asks the weak one at all."""
    assert control(made_evidence(10), parse_targets(["quality>=0.95"]), confidence=0.95) is None


def test_cost_needs_prices() -> None:
    """Says which settings, and that outcomes may hold them."""
    made = made_evidence(50)
    unpriced = replace(made, strong=replace(made.strong, cost_usd=None))
    with pytest.raises(OutcomesUnusable, match="set input_usd_per_million"):
        control(unpriced, parse_targets(["cost<=1/1000"]), confidence=0.9)


def test_the_most_that_a_query_costs_is_stated_or_twice_what_was_seen() -> None:
    """And never less than what was seen."""
    made = made_evidence(50)
    assert made.strong.cost_usd is not None
    dearest = float(made.strong.cost_usd.max())
    assert most_usd(made) == 2 * dearest
    assert most_usd(made, 0.01) == 0.01
    assert most_usd(made, 1e-6) == dearest
