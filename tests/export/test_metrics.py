"""APGR and its interval against values worked out by hand and against published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.metrics import apgr, bootstrap, brier, expected_calibration_error
from edge_router.export.rows import read_rows

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
    found = apgr(gains, low, high)
    assert found <= apgr(high - low, low, high) + 1e-9
    assert found == pytest.approx(apgr(np.exp(gains), low, high))


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
