"""How well one series of numbers agrees with another: correlation, F1, AUC, ratio of medians.

All but `auc` take `counts` (resamples, rows), how often each row was drawn, and return
(resamples,).
"""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Bools, Float64s

from .apgr import Counts

__all__ = ["auc", "correlations", "f1_scores", "means", "median_ratios"]


def means(values: Float64s, counts: Counts) -> Float64s:
    """Mean of `values` (rows,) in each resample."""
    mean: Float64s = counts @ values / counts.sum(axis=1)
    return mean


def correlations(one: Float64s, other: Float64s, counts: Counts) -> Float64s:
    """Pearson's correlation of two series (rows,), NaN where one of them does not vary."""
    x, y = one - one.mean(), other - other.mean()
    mean_x, mean_y = means(x, counts), means(y, counts)
    covariance = means(x * y, counts) - mean_x * mean_y
    spread = (means(x * x, counts) - mean_x**2) * (means(y * y, counts) - mean_y**2)
    nothing = np.full(len(counts), np.nan)
    ratio: Float64s = np.divide(
        covariance, np.sqrt(np.maximum(spread, 0)), out=nothing, where=spread > 1e-18
    )
    return ratio


def f1_scores(predicted: Bools, true: Bools, counts: Counts) -> Float64s:
    """F1 of yes-or-no predictions (rows,), NaN where nothing is true or predicted."""
    hit = counts @ (predicted & true).astype(np.float64)
    missed = counts @ (predicted ^ true).astype(np.float64)
    ratio: Float64s = np.divide(
        2 * hit, 2 * hit + missed, out=np.full(len(counts), np.nan), where=hit + missed > 0
    )
    return ratio


def median_ratios(one: Float64s, other: Float64s, counts: Counts) -> Float64s:
    """Median of `one` over the median of `other`, both (rows,)."""
    rows = np.arange(len(one))
    drawn = [np.repeat(rows, count) for count in counts]
    return np.array([np.median(one[at]) / np.median(other[at]) for at in drawn])


def auc(positive: Float64s, negative: Float64s) -> float:
    """Chance that a positive has the larger value than a negative, half of the ties counted."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    up_to = np.searchsorted(ordered, positive, side="right")
    return float((below + up_to).mean() / 2 / len(negative))
