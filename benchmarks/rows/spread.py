"""The summary of samples: percentiles, their number, and the median absolute deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

__all__ = ["Summary", "median_absolute_deviation"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of `n` samples, in their unit. Percentiles are interpolated linearly, as numpy does.

    With fewer than 100 samples p99 lies between the two largest: read it beside `n`.
    """

    n: int
    mean: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    mad: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        """Summarise one or more samples."""
        p50, p90, p95, p99 = np.percentile(samples, [50, 90, 95, 99]).tolist()
        return cls(
            n=len(samples),
            mean=float(np.mean(samples)),
            min=min(samples),
            p50=p50,
            p90=p90,
            p95=p95,
            p99=p99,
            max=max(samples),
            mad=median_absolute_deviation(samples),
        )


def median_absolute_deviation(samples: Sequence[float]) -> float:
    """The median distance from the median, not scaled to a normal distribution."""
    values = np.asarray(samples, dtype=np.float64)
    return float(np.median(np.abs(values - np.median(values))))
