"""The decision that another operating point would have made of the same query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_router.errors import NoExpertFits

from ..experts.panel import Candidates
from .decision import Decision, Grounds
from .operating_point import OperatingPoint
from .policy import decide_again
from .price_rule import CheapestRule, PriceRule
from .topsis import PreferenceRule

__all__ = ["OtherPoint"]


@dataclass(frozen=True, slots=True)
class OtherPoint:
    """Decides by `point` what was decided with the corrections of `made_by`; no expert is asked.

    `usd_per_second` is what a second is worth.
    """

    point: OperatingPoint
    made_by: OperatingPoint
    usd_per_second: float = 0.0

    def expert_for(self, decision: Decision) -> str | None:
        """The expert that it would have asked; None where a rule of the caller's own decided, or
        nothing is known of the query."""
        grounds = decision.grounds
        if grounds is None or not isinstance(
            grounds.rule, PriceRule | PreferenceRule | CheapestRule
        ):
            return None
        try:
            return self.decided(grounds).expert
        except NoExpertFits:
            return None

    def decided(self, grounds: Grounds) -> Decision:
        """What follows from `grounds` by this point. Raises NoExpertFits."""
        rule: PriceRule | CheapestRule = PriceRule(self.point, self.usd_per_second)
        if isinstance(grounds.rule, CheapestRule):
            rule = CheapestRule(rule, self.usd_per_second)
        candidates = self._corrected(Candidates.of(grounds.candidates))
        return decide_again(replace(grounds, candidates=candidates, rule=rule))

    def _corrected(self, candidates: Candidates) -> Candidates:
        """The same candidates with the corrections of this point in place of the others'."""
        before, after = self.made_by.corrections, self.point.corrections
        if before == after:
            return candidates
        qualities = zip(candidates.names, candidates.quality.tolist(), strict=True)
        column = [
            _corrected(after, name, self.made_by.uncorrected(name, q)) for name, q in qualities
        ]
        return replace(candidates, quality=np.array(column, dtype=np.float64))


def _corrected(corrections: Mapping[str, Any], name: str, quality: float) -> float:
    correction = corrections.get(name)
    return quality if correction is None else float(correction.corrected(np.array(quality)))
