"""The pair metrics against values worked out by hand, against their laws and published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.data.rows import read_rows
from edge_router.export.metrics.apgr import (
    GapCurve,
    aiq,
    apgr,
    apgr_difference,
    bootstrap,
    brier,
    draw_counts,
    expected_calibration_error,
    in_parts,
    interval,
    reliability,
)

WEAK = np.array([1.0, 0.0, 0.0, 1.0])
STRONG = np.array([1.0, 1.0, 1.0, 1.0])


def test_apgr_by_hand() -> None:
    """Sending the two gainful queries first recovers 0, 1/2, 1, 1, 1 of the gap."""
    gains = np.array([0.1, 0.9, 0.8, 0.0])
    assert apgr(gains, WEAK, STRONG) == pytest.approx((0 / 2 + 0.5 + 1 + 1 + 1 / 2) / 4)


def test_the_worst_order_by_hand() -> None:
    """Sending them last recovers 0, 0, 0, 1/2, 1."""
    gains = np.array([0.9, 0.1, 0.0, 0.8])
    assert apgr(gains, WEAK, STRONG) == pytest.approx((0 / 2 + 0 + 0 + 0.5 + 1 / 2) / 4)


def test_no_order_is_one_half() -> None:
    """Ties count as if in random order."""
    assert apgr(np.zeros(4), WEAK, STRONG) == pytest.approx(0.5)


def test_no_gap_has_no_value() -> None:
    """Where the strong expert is not better there is nothing to recover."""
    assert np.isnan(apgr(np.zeros(4), STRONG, WEAK))


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=30), st.integers(0, 99))
def test_the_oracle_is_never_beaten(weak: list[float], seed: int) -> None:
    """And the order alone counts, not its scale."""
    low = np.array([*weak, 0.0])
    high = np.ones_like(low)
    gains = np.random.default_rng(seed).normal(size=len(low))
    result = apgr(gains, low, high)
    assert result <= apgr(high - low, low, high) + 1e-9
    assert result == pytest.approx(apgr(np.exp(gains), low, high))


def test_prompt_length_on_mmlu_is_the_published_figure(data: Path) -> None:
    """0.565 on the test split of RouteLLM's MMLU outcomes, measured independently."""
    rows = read_rows(data / "outcomes" / "open" / "mmlu_test_joint.jsonl.gz")
    test = [row for row in rows if row["split"] == "test"]
    weak = np.array([row["score"]["mixtral-8x7b-instruct"] for row in test])
    strong = np.array([row["score"]["gpt-4-1106-preview"] for row in test])
    lengths = np.array([len(row["query"]) for row in test], dtype=float)
    assert len(test) == 2875
    assert apgr(lengths, weak, strong) == pytest.approx(0.565, abs=0.002)


def test_the_interval_covers_the_value_and_is_repeatable() -> None:
    """Seeded, and around the measure of all rows."""
    scores = np.random.default_rng(1).random(200)
    first = bootstrap(lambda rows: float(scores[rows].mean()), 200)
    assert first == bootstrap(lambda rows: float(scores[rows].mean()), 200)
    assert first.low < first.value < first.high
    assert first.high - first.low == pytest.approx(4 * scores.std() / np.sqrt(200), rel=0.2)


def test_calibration_errors_by_hand() -> None:
    """Half right at 0.75 is a quarter off."""
    predicted, scores = np.full(4, 0.75), np.array([1.0, 0.0, 1.0, 0.0])
    assert expected_calibration_error(predicted, scores) == pytest.approx(0.25)
    assert brier(predicted, scores) == pytest.approx((0.0625 + 0.5625) / 2)


def test_the_gap_recovered_by_hand() -> None:
    """0, 1/2, 1, 1, 1 of the gap at 0, 25, 50, 75 and 100 % strong calls, straight between."""
    curve = GapCurve.of(np.array([0.1, 0.9, 0.8, 0.0]), WEAK, STRONG)
    result = [curve.pgr(calls)[0] for calls in (0.0, 0.2, 0.25, 0.5, 0.75, 1.0)]
    assert result == pytest.approx([0.0, 0.4, 0.5, 1.0, 1.0, 1.0])
    assert curve.score(0.25)[0] == pytest.approx(0.75)
    assert curve.score(0.0)[0] == WEAK.mean()


def test_call_performance_thresholds_by_hand() -> None:
    """Half of the gap after one call of four; 80 % another 60 % of a call later."""
    curve = GapCurve.of(np.array([0.1, 0.9, 0.8, 0.0]), WEAK, STRONG)
    assert curve.cpt(0.5)[0] == pytest.approx(0.25)
    assert curve.cpt(0.8)[0] == pytest.approx(0.25 + 0.6 * 0.25)


def test_a_threshold_inside_a_tie_lies_on_its_line() -> None:
    """Two tied queries bring the whole gap, evenly: half of it needs one of them."""
    curve = GapCurve.of(np.array([0.5, 0.9, 0.9, 0.5]), WEAK, STRONG)
    assert curve.cpt(0.5)[0] == pytest.approx(0.25)
    assert GapCurve.of(np.zeros(4), WEAK, STRONG).cpt(0.8)[0] == pytest.approx(0.8)


def test_a_threshold_is_the_first_that_is_reached() -> None:
    """A curve that falls again later does not move it."""
    weak, strong = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0])
    curve = GapCurve.of(np.array([3.0, 2.0, 1.0]), weak, strong)  # gains 1, then 0, then 1 again
    assert curve.cpt(1.0)[0] == pytest.approx(1 / 3)
    assert np.isnan(GapCurve.of(np.array([3.0, 2.0, 1.0]), strong, weak).cpt(0.5)[0])


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_at_its_threshold_the_target_is_recovered(seed: int, target: float) -> None:
    """CPT inverts PGR, with and without ties."""
    random = np.random.default_rng(seed)
    weak, strong = random.integers(0, 3, (2, 20)) / 2
    curve = GapCurve.of(random.integers(0, 6, 20).astype(float), weak, strong)
    calls = curve.cpt(target)[0]
    if np.isnan(calls):
        assert strong.mean() <= weak.mean()
    else:
        assert curve.pgr(calls)[0] == pytest.approx(target)


def test_resamples_are_the_bootstraps_own() -> None:
    """Counting how often rows were drawn gives what drawing them gives, also in parts."""
    random = np.random.default_rng(3)
    gains, weak = random.integers(0, 9, 60).astype(float), random.random(60) / 2
    strong = np.minimum(1.0, weak + random.random(60))
    counts = draw_counts(60, repeats=50, seed=7)
    result = in_parts(lambda part: GapCurve.of(gains, weak, strong, part).apgr(), counts)
    slow = bootstrap(
        lambda rows: apgr(gains[rows], weak[rows], strong[rows]), 60, repeats=50, seed=7
    )
    fast = interval(apgr(gains, weak, strong), result)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_a_pair_of_routers_is_compared_on_the_same_rows() -> None:
    """The interval of a difference is narrower than two intervals that are far wider than it."""
    random = np.random.default_rng(5)
    weak, strong = (random.random(400) < 0.5) * 1.0, (random.random(400) < 0.8) * 1.0
    better = strong - weak + random.normal(size=400)
    worse = better + 0.3 * random.normal(size=400)
    result = apgr_difference(better, worse, weak, strong, repeats=200)
    alone = bootstrap(lambda rows: apgr(better[rows], weak[rows], strong[rows]), 400, repeats=200)
    assert result.low < result.value < result.high
    assert result.high - result.low < (alone.high - alone.low) / 2
    assert apgr_difference(better, better * 2, weak, strong, repeats=9).high == 0


def test_an_interval_needs_values() -> None:
    """Where the gap itself comes and goes with the resample there is no 95 % interval."""
    some = np.array([0.5] * 90 + [np.nan] * 10)
    assert np.isnan(interval(0.5, some).low)
    assert interval(0.5, np.array([0.5] * 97 + [np.nan] * 3)).low == 0.5
    assert np.isnan(interval(0.5, np.full(3, np.nan)).high)


@pytest.mark.parametrize(
    ("costs", "qualities", "result"),
    [
        ([0, 1, 2], [0.0, 1.0, 1.0], (0.5 + 1.0) / 2),
        ([0, 1, 2], [0.0, 0.2, 1.0], 0.5),  # below the hull: the straight line counts
        ([2, 0, 1], [0.6, 0.5, 1.0], (0.75 + 1.0) / 2),  # dearer and worse: stays at its best
        ([1], [0.7], 0.7),
    ],
)
def test_average_improvement_in_quality_by_hand(
    costs: list[float], qualities: list[float], result: float
) -> None:
    """Mean height of the non-decreasing hull over costs from 0 to 2."""
    assert aiq(np.array(costs, float), np.array(qualities), 0.0, 2.0) == pytest.approx(result)


def test_no_range_of_costs_has_no_aiq() -> None:
    """Two experts at one price."""
    assert np.isnan(aiq(np.ones(3), np.ones(3), 1.0, 1.0))


def test_reliability_by_hand() -> None:
    """Two bins: 0.1 said and 0 seen, 0.8 said and 1/2 seen."""
    said, score, size = reliability(np.array([0.1, 0.7, 0.9]), np.array([0.0, 0.0, 1.0]), bins=2)
    assert said == pytest.approx([0.1, 0.8])
    assert score == pytest.approx([0.0, 0.5])
    assert size.tolist() == [1, 2]
    assert np.isnan(reliability(np.array([0.9]), np.array([1.0]), bins=2)[0][0])
