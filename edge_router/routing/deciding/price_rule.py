"""The rule of an operating point: the expert whose quality, less its expense times the price, is
the highest.

An expense says how dear an expert is for one query, from 0 (free, on this device) to 1 (the
dearest of all that are compared). One price then weighs quality against it for any number of
experts. Whatever the price, the choice lies on the convex hull of expense and quality; a higher
price never chooses a dearer expert; and ruling out an expert that is not chosen changes nothing,
since expenses and scores are those of all experts, whoever may answer now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..arrays import Bools, Float64s, Places
from ..experts.panel import Candidates
from .decision import Ranked, Rule, Verdict, Weighed
from .operating_point import OperatingPoint
from .price import expenses, scores_of
from .reason import Reason

__all__ = ["CheapestRule", "PriceRule", "Scores"]


@dataclass(frozen=True, slots=True)
class PriceRule:
    """The choice of `chosen`, with its reasons; `usd_per_second` is what a second is worth.

    The other experts follow by the same scores: the next one asked is the one that would have been
    chosen without those before it.
    """

    point: OperatingPoint
    usd_per_second: float = 0.0

    @classmethod
    def of_price(cls, price: float, usd_per_second: float = 0.0) -> Self:
        """The rule of a price that the user states."""
        return cls(OperatingPoint.of_price(price), usd_per_second)

    @property
    def operating_point(self) -> str:
        return self.point.name

    @property
    def least_quality(self) -> float:
        return self.point.least_quality

    @property
    def preference(self) -> None:
        return None

    def weigh(self, candidates: Candidates) -> Weighed:
        quality, expense = candidates.quality, self.expenses(candidates)
        scores, least = scores_of(quality, expense, self.point.price), self.point.least_quality
        columns = (quality.tolist(), expense.tolist(), scores.tolist())
        below = quality < least if min(columns[0]) < least else None
        alike = len({*columns[2]}) < len(candidates)
        ranking = _ranking(candidates, expense, scores, below, alike=alike)
        return Scores(ranking, candidates, *columns, self.point, below is not None)

    def expenses(self, candidates: Candidates) -> Float64s:
        """What each of the candidates counts as, 0..1 (experts,)."""
        leaves, seconds = candidates.traits.leaves_device, candidates.latency_s
        return expenses(candidates.cost_usd, seconds, leaves, self.usd_per_second)


def _ranking(
    candidates: Candidates,
    expense: Float64s,
    scores: Float64s,
    below: Bools | None,
    *,
    alike: bool,
) -> Places:
    """Places (experts,), best first: those that are not `below` the least quality, by score, the
    dearer first, then as in `Candidates.cheapest_first`. `alike`: some scores are equal."""
    if below is None and not alike:
        ranking: Places = (-scores).argsort()
        return ranking
    keys = (candidates.cheapest_rank, -expense, -scores)
    return np.lexsort(keys if below is None else (*keys, below))


@dataclass(frozen=True, slots=True, eq=False)
class Scores(Ranked):
    """All candidates with their qualities, expenses and scores, each in a list: there are few, and
    one number of an array costs more than a whole comparison. Whether some of them are expected
    below the least quality."""

    candidates: Candidates
    quality: Sequence[float]
    expense: Sequence[float]
    scores: Sequence[float]
    point: OperatingPoint
    some_below: bool

    def verdict(self, among: Places, place: int) -> Verdict:
        """The gain is that of the comparison that decided.

        For the cheapest expert: of the dearer one that came closest to being worth it. For any
        other: over the cheaper one that came closest to being enough, or over the one that would
        have been chosen if it were not expected below the least quality.
        """
        others = [other for other in among.tolist() if other != place]
        if not others:
            return Verdict(Reason.CHEAPEST_IS_ENOUGH, 0.0, self.point.price)
        if self.some_below and (better := self._barred(others, place)) is not None:
            return self._over(Reason.LEAST_QUALITY, place, better)
        if cheaper := self._cheaper(others, place):
            return self._over(Reason.GAIN_IS_WORTH_IT, place, self._closest(cheaper))
        return self._over(Reason.CHEAPEST_IS_ENOUGH, self._closest(others), place)

    def _closest(self, places: Sequence[int]) -> int:
        """The place of the highest score."""
        return max(places, key=self.scores.__getitem__)

    def _over(self, reason: Reason, dear: int, cheap: int) -> Verdict:
        """What one expert gains over another one, and what its further expense asks for."""
        quality, expense = self.quality, self.expense
        asked = self.point.price * (expense[dear] - expense[cheap])
        return Verdict(reason, quality[dear] - quality[cheap], asked)

    def _barred(self, others: Sequence[int], place: int) -> int | None:
        """The expert of a higher score that is expected below the least quality."""
        quality, least = self.quality, self.point.least_quality
        barred = [other for other in others if quality[other] < least]
        if quality[place] < least or not barred:
            return None
        best = self._closest(barred)
        return best if self.scores[best] > self.scores[place] else None

    def _cheaper(self, others: Sequence[int], place: int) -> list[int]:
        """Those of the others that are cheaper than the expert at `place`."""
        expense, dear = self.expense, self.expense[place]
        lower = [other for other in others if expense[other] <= dear]
        if all(expense[other] < dear for other in lower):
            return lower
        rank = self.candidates.cheapest_rank.tolist()
        return [other for other in lower if expense[other] < dear or rank[other] < rank[place]]


@dataclass(frozen=True, slots=True)
class CheapestRule:
    """For a query that no model can answer from what it knows: the cheapest expert, whatever the
    `usual` rule would choose; the dearer ones only where those before them fail."""

    usual: Rule
    usd_per_second: float = 0.0

    @property
    def operating_point(self) -> str:
        return self.usual.operating_point

    @property
    def least_quality(self) -> float:
        return 0.0

    @property
    def preference(self) -> str | None:
        return self.usual.preference

    def weigh(self, candidates: Candidates) -> Weighed:
        leaves, seconds = candidates.traits.leaves_device, candidates.latency_s
        expense = expenses(candidates.cost_usd, seconds, leaves, self.usd_per_second)
        ranking = np.lexsort((candidates.cheapest_rank, expense))
        return _Cheapest(ranking, self.usual.weigh(candidates))


@dataclass(frozen=True, slots=True, eq=False)
class _Cheapest(Ranked):
    """All candidates, the cheapest first, and what the usual rule makes of them."""

    usual: Weighed

    def verdict(self, among: Places, place: int) -> Verdict:
        usual = self.usual.verdict(among, place)
        return Verdict(Reason.NEEDS_TOOLS, usual.gain, usual.min_gain)
