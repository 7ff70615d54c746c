"""The field's metrics for a router between a weak and a strong expert, with their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Interval", "apgr", "bootstrap", "brier", "expected_calibration_error"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def apgr(gains: Floats, weak: Floats, strong: Floats) -> float:
    """Average performance gap recovered (RouteLLM, Ong et al. 2024, equation 6).

    The area under the gap recovered, over the share of strong calls from 0 to 1, when queries go
    to the strong expert in the order of `gains`. Equal gains count as if in random order. All
    arrays (queries,). NaN when the strong expert is not better on the mean.
    """
    lift = strong - weak
    total = lift.sum()
    if total <= 0:
        return float("nan")
    _, group, size = np.unique(-gains, return_inverse=True, return_counts=True)
    mean_lift = np.bincount(group, weights=lift) / size  # ties share what they bring
    recovered = np.concatenate([[0.0], np.cumsum(np.repeat(mean_lift, size))]) / total
    return float(np.trapezoid(recovered, dx=1 / len(gains)))


def bootstrap(
    measure: Callable[[npt.NDArray[np.int64]], float],
    rows: int,
    *,
    repeats: int = 1000,
    seed: int = 0,
) -> Interval:
    """`measure` of all row numbers, and the 2.5 and 97.5 percentiles over resampled ones."""
    random = np.random.default_rng(seed)
    values = [measure(random.integers(0, rows, rows)) for _ in range(repeats)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(measure(np.arange(rows)), float(low), float(high))


def expected_calibration_error(predicted: Floats, scores: Floats, bins: int = 15) -> float:
    """Mean distance of confidence and score over equal-width bins (Guo et al. 2017, equation 3)."""
    bin_of = np.minimum((predicted * bins).astype(int), bins - 1)
    off = np.bincount(bin_of, weights=predicted - scores, minlength=bins)
    return float(np.abs(off).sum() / len(predicted))


def brier(predicted: Floats, scores: Floats) -> float:
    """Mean squared distance of probability and score."""
    return float(np.mean((predicted - scores) ** 2))
