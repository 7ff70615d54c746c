"""What the user prefers: the best answer, one within a cost range, or a balance of all three.

Pareto front and TOPSIS of MoMA (2025), equations 7-11, with latency as a third column.

It sees which expert is better, not by how much: each column is stretched to 0..1 over the experts
at hand. Of two on the front one is therefore ideal in quality and the other one in cost, whether
they differ by one point or by ninety, and the weights alone decide, for every query alike. A third
expert, or one that may not answer now, changes the scale of all others. Where the gain of a query
should count, use an operating point (`price_rule`). A column of weight 0 takes no part: neither
the front nor the scale of the others knows of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Self

import numpy as np

from edge_router.settings.preference import Preference, PreferenceKind, Weights

from ..arrays import Places
from ..experts.panel import Candidate, Candidates
from .decision import Verdict, Weighed
from .reason import Reason

__all__ = ["PreferenceRule", "closeness", "pareto_front"]


SAME = 1e-9  # closer than this, two values of closeness are a tie: the rest is rounding
COST_RANGE = 0.25  # of the way from the cheapest to the dearest on the front


@dataclass(frozen=True, slots=True)
class _Point:
    """The candidate at `place` in the three columns. A price that nobody knows counts as dearer
    than any."""

    place: int
    name: str
    quality: float
    cost: float
    latency: float

    @property
    def rank(self) -> tuple[float, float, float, str]:
        """MoMA's tie rule: higher quality, then lower cost; then lower latency, then the name."""
        return (-self.quality, self.cost, self.latency, self.name)

    def dominates(self, other: _Point) -> bool:
        as_good = (
            self.quality >= other.quality
            and self.cost <= other.cost
            and self.latency <= other.latency
        )
        mine, others = ((p.quality, p.cost, p.latency) for p in (self, other))
        return as_good and mine != others


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other beats or equals in quality, cost and latency, one strictly (equation 7).

    An unknown price is dearer than any known one and equal to another unknown one.
    """
    return [candidates[point.place] for point in _front(_points(candidates))]


def closeness(candidates: Sequence[Candidate], weights: Weights) -> list[float]:
    """How close each comes to the ideal, 0..1 (TOPSIS, equations 8-11); at least one.

    Each column is scaled to 0..1 over `candidates`; a constant one is ideal. An unknown price
    stands at 1, with the dearest.
    """
    return [_closeness(column, weights) for column in _columns(_points(candidates))]


def _points(candidates: Sequence[Candidate]) -> list[_Point]:
    columns = Candidates.of(candidates)
    costs = np.where(np.isnan(columns.cost_usd), np.inf, columns.cost_usd)
    numbers = (columns.quality.tolist(), costs.tolist(), columns.latency_s.tolist())
    return [_Point(*point) for point in zip(count(), columns.names, *numbers)]


def _front(points: Sequence[_Point]) -> list[_Point]:
    return [p for p in points if not any(other.dominates(p) for other in points)]


def _counted(points: Sequence[_Point], weights: Weights) -> Sequence[_Point]:
    """The points, all equal in the columns of weight 0."""
    if weights.quality and weights.cost and weights.latency:
        return points
    return [
        replace(
            point,
            quality=point.quality if weights.quality else 0.0,
            cost=point.cost if weights.cost else 0.0,
            latency=point.latency if weights.latency else 0.0,
        )
        for point in points
    ]


def _columns(points: Sequence[_Point]) -> list[tuple[float, float, float]]:
    """(quality, cost, latency) from 0 to 1 (equation 8): quality is best at 1, the others at 0."""
    lacks = _scaled([-p.quality for p in points])
    costs = _scaled([p.cost for p in points])
    latencies = _scaled([p.latency for p in points])
    return [(1 - q, c, t) for q, c, t in zip(lacks, costs, latencies, strict=True)]


def _scaled(values: Sequence[float]) -> list[float]:
    """0 for the least, 1 for the most; all 0 where they are equal. Infinity is 1."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return [0.0] * len(values)
    low, width = min(finite), max(finite) - min(finite)
    return [
        1.0 if math.isinf(value) else (value - low) / width if width > 0 else 0.0
        for value in values
    ]


def _closeness(column: tuple[float, float, float], weights: Weights) -> float:
    """Equations 9 and 10."""
    quality, cost, latency = column
    to_ideal = math.sqrt(
        weights.quality * (quality - 1) ** 2 + weights.cost * cost**2 + weights.latency * latency**2
    )
    to_anti_ideal = math.sqrt(
        weights.quality * quality**2
        + weights.cost * (cost - 1) ** 2
        + weights.latency * (latency - 1) ** 2
    )
    return to_anti_ideal / (to_ideal + to_anti_ideal)


@dataclass(frozen=True, slots=True)
class PreferenceRule:
    """A rule for `policy.decide`; never chooses an expert that another one dominates."""

    stated: Preference

    @classmethod
    def of(cls, text: str) -> Self:
        """The rule of a preference as the user states it. Raises ConfigError."""
        return cls(Preference.parse(text))

    @property
    def operating_point(self) -> str:
        return ""

    @property
    def preference(self) -> str:
        return self.stated.text

    @property
    def least_quality(self) -> float:
        return 0.0

    def weigh(self, candidates: Candidates) -> Weighed:
        return _Points(self.stated, _points(candidates))


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """All candidates under a preference; those who may not answer take no part in any scale."""

    stated: Preference
    points: Sequence[_Point]

    def best(self, among: Places) -> int:
        return self._best_of(self._those(among)).place

    def order(self, among: Places) -> Places:
        """Each would be chosen if those before it were absent."""
        left, ordered = self._those(among), []
        while left:
            ordered.append(self._best_of(left))
            left = [point for point in left if point is not ordered[-1]]
        return np.array([point.place for point in ordered], dtype=np.intp)

    def verdict(self, among: Places, place: int) -> Verdict:
        points = self._those(among)
        others = [point for point in points if point.place != place]
        quality = self.points[place].quality
        gain = quality - self._best_of(others).quality if others else 0.0
        return Verdict(self._reason(points), gain, 0.0)

    def _those(self, among: Places) -> list[_Point]:
        return [self.points[place] for place in among.tolist()]

    def _best_of(self, points: Sequence[_Point]) -> _Point:
        if self.stated.kind == "balance":
            return self._balanced(points)
        front = _front(points)
        if self.stated.kind == "quality":
            return _best(front)
        return _best(self._in_range(front) or _cheapest(front))

    def _reason(self, points: Sequence[_Point]) -> Reason:
        if self.stated.kind == "cost_range" and not self._in_range(_front(points)):
            return Reason.OUTSIDE_COST_RANGE
        return _REASONS[self.stated.kind]

    def _in_range(self, front: Sequence[_Point]) -> list[_Point]:
        """Never one whose price is not known."""
        known = [point for point in front if math.isfinite(point.cost)]
        if self.stated.max_cost_usd is not None:
            return [point for point in known if point.cost <= self.stated.max_cost_usd]
        costs = _scaled([point.cost for point in known])
        return [p for p, cost in zip(known, costs, strict=True) if cost <= COST_RANGE]

    def _balanced(self, points: Sequence[_Point]) -> _Point:
        """Equation 11, with its tie rule, over the columns that count."""
        front = _front(_counted(points, self.stated.weights))
        closeness = [_closeness(column, self.stated.weights) for column in _columns(front)]
        most = max(closeness)
        nearest = {p.place for p, c in zip(front, closeness, strict=True) if c >= most - SAME}
        return _best([point for point in points if point.place in nearest])


def _best(front: Sequence[_Point]) -> _Point:
    return min(front, key=lambda point: point.rank)


def _cheapest(front: Sequence[_Point]) -> list[_Point]:
    least = min(point.cost for point in front)
    return [point for point in front if point.cost == least]


_REASONS: dict[PreferenceKind, Reason] = {
    "quality": Reason.BEST_QUALITY,
    "cost_range": Reason.BEST_IN_COST_RANGE,
    "balance": Reason.BEST_BALANCE,
}
