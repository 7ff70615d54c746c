"""The field's metrics for a router between a weak and a strong expert, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s, Places

__all__ = [
    "Counts",
    "GapCurve",
    "Interval",
    "aiq",
    "apgr",
    "apgr_difference",
    "bootstrap",
    "brier",
    "draw_counts",
    "expected_calibration_error",
    "hull_heights",
    "in_parts",
    "interval",
    "reliability",
    "upper_hull",
    "with_interval",
]

Counts = npt.NDArray[np.uint16]

NO_GAP = 1e-12
PART_CELLS = 2_000_000  # of a resample matrix worked on at a time: 16 MB
UNKNOWN_SHARE = 0.05  # of the resamples; with more without a value, no 95 % interval exists


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class GapCurve:
    """What is gained while more and more queries go to the strong expert, per resample.

    `calls` (resamples, points) is the share of strong calls, from 0 to 1, and `gained` (resamples,
    points) the mean score above the weak expert's own, `weak` (resamples,). Between two points
    both grow linearly, since equal gains count as if in random order.
    """

    calls: Float64s
    gained: Float64s
    weak: Float64s

    @classmethod
    def of(
        cls, gains: Float64s, weak: Float64s, strong: Float64s, counts: Counts | None = None
    ) -> Self:
        """Queries in the order of `gains`, the largest first; all three (queries,).

        `counts` (resamples, queries) says how often each query was drawn, once each without it.
        """
        if counts is None:
            counts = np.ones((1, len(gains)), dtype=np.uint16)
        order = np.argsort(-gains, kind="stable")
        starts = np.flatnonzero(np.diff(gains[order], prepend=np.inf))  # one per distinct gain
        drawn = counts[:, order].astype(np.float64)  # (resamples, queries)
        size = np.add.reduceat(drawn, starts, axis=1)
        gained = np.add.reduceat(drawn * (strong - weak)[order], starts, axis=1)
        return cls(_running_mean(size), _running_mean(gained, size), counts @ weak / size.sum(1))

    @property
    def gap(self) -> Float64s:
        """(resamples,) mean score of the strong expert above the weak one's."""
        return self.gained[:, -1]

    def apgr(self) -> Float64s:
        """(resamples,), see `apgr`."""
        width = np.diff(self.calls, axis=1)
        area = (width * (self.gained[:, 1:] + self.gained[:, :-1]) / 2).sum(1)
        return self._of_the_gap(area)

    def pgr(self, calls: float) -> Float64s:
        """(resamples,) performance gap recovered at a share of strong calls (RouteLLM, eq. 5)."""
        return self._of_the_gap(_height(self.calls, self.gained, calls))

    def cpt(self, target: float) -> Float64s:
        """(resamples,) call-performance threshold CPT(target) (RouteLLM, Ong et al. 2024).

        The smallest share of strong calls, 0..1, that recovers the share `target` of the gap.
        """
        shares = self._of_the_gap(self.gained)
        known = np.isfinite(shares[:, -1])
        reached = np.full(len(shares), np.nan)
        reached[known] = _first_reach(shares[known], self.calls[known], target)
        return reached

    def score(self, calls: float) -> Float64s:
        """(resamples,) mean score at a share of strong calls: the cost-quality curve."""
        return self.weak + _height(self.calls, self.gained, calls)

    def _of_the_gap(self, gained: Float64s) -> Float64s:
        """`gained` (resamples, ...) as a share of the gap, NaN where there is none."""
        gap = np.where(self.gap > NO_GAP, self.gap, np.nan)
        shares: Float64s = gained / gap.reshape(-1, *[1] * (gained.ndim - 1))
        return shares


def _running_mean(amount: Float64s, size: Float64s | None = None) -> Float64s:
    """Sums from the left, (resamples, groups + 1) and 0 at first, over the number of queries."""
    total = (amount if size is None else size).sum(1, keepdims=True)
    return np.pad(np.cumsum(amount, axis=1) / total, ((0, 0), (1, 0)))


def _first_reach(rising: Float64s, along: Float64s, level: float) -> Float64s:
    """The first `along` at which the line through the points reaches `level`; (resamples,)."""
    return _cross(rising, along, np.argmax(rising >= level - NO_GAP, axis=1), level)


def _height(along: Float64s, heights: Float64s, at: float) -> Float64s:
    """The height (resamples,) of the line through the points, at `at` between the ends."""
    return _cross(along, heights, np.argmax(along >= at - NO_GAP, axis=1), at)


def _cross(x: Float64s, y: Float64s, after: Places, at: float) -> Float64s:
    """y where x passes `at` on the segment that ends in the point number `after`."""
    row = np.arange(len(x))
    before = np.maximum(after - 1, 0)
    step = x[row, after] - x[row, before]
    share = np.clip((at - x[row, before]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
    crossing: Float64s = y[row, before] + share * (y[row, after] - y[row, before])
    return crossing


def apgr(gains: Float64s, weak: Float64s, strong: Float64s) -> float:
    """Average performance gap recovered (RouteLLM, Ong et al. 2024, equation 6).

    The area under the gap recovered, over the share of strong calls from 0 to 1, when queries go
    to the strong expert in the order of `gains`. Equal gains count as if in random order. All
    arrays (queries,). NaN when the strong expert is not better on the mean.
    """
    return float(GapCurve.of(gains, weak, strong).apgr()[0])


def aiq(costs: Float64s, qualities: Float64s, low: float, high: float) -> float:
    """Average improvement in quality (RouterBench, Hu et al. 2024, section 3.2).

    The mean height, over costs from `low` to `high`, of the non-decreasing convex hull of a
    router's points: `costs` and `qualities` (points,). NaN when the range is empty.
    """
    if high - low <= NO_GAP:
        return float("nan")
    x, y = upper_hull(costs, qualities)
    inside = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
    return float(np.trapezoid(np.interp(inside, x, y), inside) / (high - low))


def upper_hull(x: Float64s, y: Float64s) -> tuple[Float64s, Float64s]:
    """The corners of the hull from above, flat after its highest (np.interp goes on flat)."""
    order = np.lexsort((-y, x))
    hull: list[tuple[float, float]] = []
    for point in zip(x[order].tolist(), y[order].tolist(), strict=True):
        if hull and point[1] <= hull[-1][1]:
            continue  # dearer and no better
        while len(hull) > 1 and _turns_left(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    corners = np.array(hull)
    return corners[:, 0], corners[:, 1]


def hull_heights(at: Float64s, x: Float64s, y: Float64s) -> Float64s:
    """The height (resamples,) of each resample's hull at `at` (resamples,), the height of its first
    corner left of that; the points `x` and `y` (resamples, points)."""
    hulls = zip(at, x, y, strict=True)
    return np.array([np.interp(place, *upper_hull(xs, ys)) for place, xs, ys in hulls])


def _turns_left(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) >= (b[1] - a[1]) * (c[0] - a[0])


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


def draw_counts(rows: int, *, repeats: int = 1000, seed: int | Sequence[int] = 0) -> Counts:
    """(repeats, rows) how often each row is drawn: the same resamples as `bootstrap`'s."""
    random = np.random.default_rng(seed)
    drawn = np.zeros((repeats, rows), dtype=np.uint16)
    for number in range(repeats):
        drawn[number] = np.bincount(random.integers(0, rows, rows), minlength=rows)
    return drawn


def in_parts(measure: Callable[[Counts], Float64s], counts: Counts) -> Float64s:
    """`measure` of some resamples at a time, so that memory stays small.

    It takes (resamples, rows) and gives (..., resamples); so does the whole.
    """
    rows = max(1, PART_CELLS // counts.shape[1])
    parts = [measure(counts[at : at + rows]) for at in range(0, len(counts), rows)]
    return np.concatenate(parts, axis=-1)


def interval(value: float, resampled: Float64s) -> Interval:
    """A value with the 2.5 and 97.5 percentiles of its resamples (resamples,).

    The ends are NaN when more than 5 % of the resamples have no value (no gap to recover, say).
    """
    known = resampled[np.isfinite(resampled)]
    if len(known) < (1 - UNKNOWN_SHARE) * len(resampled) or not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def with_interval(measure: Callable[[Counts], Float64s], counts: Counts) -> Interval:
    """`measure` of all rows with its 95 % bootstrap interval over the resamples `counts`."""
    once = np.ones((1, counts.shape[1]), dtype=counts.dtype)
    return interval(float(measure(once)[0]), in_parts(measure, counts))


def apgr_difference(
    first: Float64s,
    second: Float64s,
    weak: Float64s,
    strong: Float64s,
    *,
    repeats: int = 1000,
    seed: int = 0,
) -> Interval:
    """APGR of the gains `first` less that of `second`, on the same resamples (paired bootstrap).

    All arrays (queries,). The two are level where the interval holds 0.
    """

    def difference(counts: Counts) -> Float64s:
        one, other = (GapCurve.of(gains, weak, strong, counts) for gains in (first, second))
        return one.apgr() - other.apgr()

    return with_interval(difference, draw_counts(len(first), repeats=repeats, seed=seed))


def reliability(
    predicted: Float64s, scores: Float64s, bins: int = 15
) -> tuple[Float64s, Float64s, Float64s]:
    """Mean probability, mean score and number of predictions per equal-width bin, all (bins,).

    NaN means for an empty bin. `predicted` and `scores` (predictions,) in 0..1.
    """
    bin_of = np.minimum((predicted * bins).astype(int), bins - 1)
    size = np.bincount(bin_of, minlength=bins).astype(np.float64)
    filled = np.where(size > 0, size, np.nan)
    confidence = np.bincount(bin_of, weights=predicted, minlength=bins) / filled
    return confidence, np.bincount(bin_of, weights=scores, minlength=bins) / filled, size


def expected_calibration_error(predicted: Float64s, scores: Float64s, bins: int = 15) -> float:
    """Mean distance of confidence and score over equal-width bins (Guo et al. 2017, equation 3)."""
    confidence, score, size = reliability(predicted, scores, bins)
    return float(np.nansum(size * np.abs(confidence - score)) / len(predicted))


def brier(predicted: Float64s, scores: Float64s) -> float:
    """Mean squared distance of probability and score."""
    return float(np.mean((predicted - scores) ** 2))
