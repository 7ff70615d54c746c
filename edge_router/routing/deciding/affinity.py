"""Affinity: a conversation stays with its expert while switching gains less than reading it anew.

The expert that answered last has read the conversation, and keeps it: a local model in its context,
a server in its cache of prompts. Leaving it loses that. The loss is a price in dollars, and the
operating point says how much quality a dollar must bring, so both compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Places
from ..experts.panel import Candidates
from .decision import Rule, Stay, Verdict, Weighed
from .price_rule import PriceRule, Scores
from .reason import Reason

__all__ = ["AffinityRule", "staying"]

NOBODY = Stay("", 0.0)


def staying(rule: Rule, stay: Stay | None) -> Rule:
    """`rule`, for a conversation that an expert has read; a rule without a price of quality cannot
    weigh a loss in dollars and stays as it is."""
    if stay is None or type(rule) is not PriceRule or stay.lost_usd <= 0 or rule.point.price <= 0:
        return rule
    return AffinityRule(rule.point, rule.usd_per_second, stay)


@dataclass(frozen=True, slots=True)
class AffinityRule(PriceRule):
    """The rule of an operating point, in a conversation with an expert to `stay` with."""

    stay: Stay = NOBODY

    @property
    def usual(self) -> PriceRule:
        """The same rule at the beginning of a conversation."""
        return PriceRule(self.point, self.usd_per_second)

    def weigh(self, candidates: Candidates) -> Weighed:
        scores = self.usual.weigh(candidates)
        assert isinstance(scores, Scores)
        names = candidates.names
        if self.stay.expert not in names:
            return scores
        place = names.index(self.stay.expert)
        return _Staying(scores, place, self._lost_quality(candidates))

    def _lost_quality(self, candidates: Candidates) -> float:
        """The loss as expected quality, 0..price: as the operating point values dollars."""
        sums = candidates.cost_usd + self.usd_per_second * candidates.latency_s
        dearest = float(np.fmax.reduce(sums, initial=0.0))
        share = 1.0 if self.stay.lost_usd >= dearest else self.stay.lost_usd / dearest
        return self.point.price * share


@dataclass(frozen=True, slots=True, eq=False)
class _Staying:
    """What the usual rule makes of the candidates; the expert at `place` is left only for a gain
    above `lost`, both in expected quality."""

    usual: Scores
    place: int
    lost: float

    def best(self, among: Places) -> int:
        best = self.usual.best(among)
        return self.place if self._stays(best, among) else best

    def order(self, among: Places) -> Places:
        order = self.usual.order(among)
        if not self._stays(int(order[0]), among):
            return order
        return np.concatenate([[self.place], order[order != self.place]])

    def verdict(self, among: Places, place: int) -> Verdict:
        best = self.usual.best(among)
        if place != self.place or best == place:
            return self.usual.verdict(among, place)
        return Verdict(Reason.SAME_EXPERT, self._gain(best), self.lost)

    def _stays(self, best: int, among: Places) -> bool:
        if best == self.place or self.place not in among:
            return False
        least, quality = self.usual.point.least_quality, self.usual.quality
        if quality[self.place] < least <= quality[best]:
            return False  # it is not expected to do well
        return self._gain(best) <= self.lost

    def _gain(self, best: int) -> float:
        """What switching gains, its further expense paid for."""
        return self.usual.scores[best] - self.usual.scores[self.place]
