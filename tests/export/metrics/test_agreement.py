"""Correlation, F1, AUC and ratio of medians against values by hand and by numpy."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.metrics.agreement import auc, correlations, f1_scores, median_ratios
from edge_router.export.metrics.apgr import draw_counts, with_interval

ONE, OTHER = np.array([1.0, 2.0, 4.0, 3.0, 9.0]), np.array([2.0, 2.5, 3.0, 1.0, 7.0])


def test_correlations_of_resamples_are_those_of_the_rows_drawn() -> None:
    """Each equals numpy's on the repeated rows."""
    counts = draw_counts(5, repeats=8, seed=1)
    for value, drawn in zip(correlations(ONE, OTHER, counts), counts, strict=True):
        rows = np.repeat(np.arange(5), drawn)
        assert value == pytest.approx(np.corrcoef(ONE[rows], OTHER[rows])[0, 1])


def test_what_does_not_vary_has_no_correlation() -> None:
    """NaN, without a warning."""
    assert np.isnan(correlations(ONE, np.ones(5), np.ones((1, 5), dtype=np.uint16)))[0]


def test_f1_by_hand() -> None:
    """Two hits, one false alarm, one miss; nothing true or predicted has no F1."""
    predicted, true = np.array([1, 1, 1, 0, 0], bool), np.array([1, 1, 0, 1, 0], bool)
    once = np.ones((1, 5), dtype=np.uint16)
    assert f1_scores(predicted, true, once)[0] == pytest.approx(2 / 3)
    assert np.isnan(f1_scores(np.zeros(5, bool), np.zeros(5, bool), once))[0]


def test_auc_counts_half_of_the_ties() -> None:
    """One above both, one equal to the larger."""
    assert auc(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == pytest.approx((2 + 1.5) / 4)


def test_the_ratio_of_medians_and_its_interval() -> None:
    """A series twice another has the ratio 2 in every resample."""
    counts = draw_counts(5, repeats=20)
    interval = with_interval(lambda drawn: median_ratios(2 * ONE, ONE, drawn), counts)
    assert (interval.value, interval.low, interval.high) == (2, 2, 2)
