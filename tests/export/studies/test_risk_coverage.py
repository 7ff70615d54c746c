"""Risk over coverage, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

study = pytest.importorskip(
    "edge_router.export.studies.deferral.study", reason="the extra `export`"
)

SCORES = np.array([1.0, 0.0, 1.0, 0.0])
scores_in_0_1 = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30).map(np.array)


def test_a_curve_worked_out_by_hand() -> None:
    """Best first: good, bad, good, bad."""
    confidence = np.array([0.9, 0.8, 0.4, 0.1])
    result = study.selective_risk(confidence, SCORES)
    assert result == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert study.aurc(confidence, SCORES) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert study.risk_at(0.5, confidence, SCORES) == pytest.approx(1 / 2)


def test_equal_confidences_count_as_if_in_random_order() -> None:
    """Whatever the order of the rows, the risk is the mean of their group."""
    confidence = np.array([0.5, 0.5, 0.2, 0.2])
    assert study.selective_risk(confidence, SCORES) == pytest.approx([0.5] * 4)


@given(scores_in_0_1, st.integers(0, 9))
def test_nobody_beats_the_oracle_and_no_skill_is_the_mean_loss(
    scores: np.ndarray, seed: int
) -> None:
    """The best order is that of the scores, the worst the reverse."""
    confidence = np.random.default_rng(seed).random(len(scores))
    best, worst = study.aurc(scores, scores), study.aurc(-scores, scores)
    assert best - 1e-9 <= study.aurc(confidence, scores) <= worst + 1e-9
    assert study.aurc(np.zeros(len(scores)), scores) == pytest.approx(1 - scores.mean())
