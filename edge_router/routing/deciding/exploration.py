"""Exploration: with a small known probability another expert than the rule's choice is asked.

Only the chosen expert's answer is ever seen. Since the probability is known, outcomes can be
weighted by its inverse (see `recalibration`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_router.errors import NoExpertFits
from edge_router.settings.constraints import Placement

from ..experts.expert import Location
from .decision import Decision
from .policy import decide_again
from .price_rule import CheapestRule
from .reason import Reason

__all__ = ["Exploration", "rival_of"]


@dataclass(frozen=True, slots=True)
class Exploration:
    """With probability `rate` (0..0.5) the rival is asked, where there is one.

    `draw` gives numbers in 0..1, uniform and independent of the query.
    """

    rate: float
    draw: Callable[[], float] = random.random

    def apply(self, decision: Decision) -> Decision:
        """The decision with its propensity, or the rival's turn with reason `exploration`."""
        if self.rate <= 0 or (rival := rival_of(decision)) is None:
            return decision
        if self.draw() >= self.rate:
            return replace(decision, propensity=1 - self.rate)
        return _explored(decision, rival, self.rate)


def rival_of(decision: Decision) -> str | None:
    """The expert asked on the other outcome of the draw: the rule's second choice, or, after
    exploration, its first.

    All constraints and preferences hold for it: an expert that the device's state speaks against,
    one on the device where the cloud is preferred, or one outside the preferred cost range is no
    rival. None where no expert is left, and for a query that goes to the cheapest expert at any
    price: nothing is to be learned of a price from its answer.
    """
    if decision.grounds is None:
        return None
    if decision.reason is Reason.EXPLORATION:
        return decision.wanted
    grounds = decision.grounds
    if isinstance(grounds.rule, CheapestRule):
        return None
    out = {decision.expert, *decision.excluded, *grounds.doubts}
    try:
        second = decide_again(grounds, absent=out)
    except NoExpertFits:
        return None
    return None if _against_a_wish(decision, second) else second.expert


def _against_a_wish(decision: Decision, second: Decision) -> bool:
    assert decision.grounds is not None
    for_cloud = decision.grounds.constraints.placement == Placement.PREFER_IN_CLOUD
    return (for_cloud and second.location != Location.CLOUD) or (
        second.reason is Reason.OUTSIDE_COST_RANGE
    )


def _explored(decision: Decision, rival: str, rate: float) -> Decision:
    assert decision.grounds is not None
    experts = {c.expert.name: c.expert for c in decision.grounds.candidates}
    return replace(
        decision,
        expert=rival,
        location=experts[rival].location,
        reason=Reason.EXPLORATION,
        wanted=decision.expert,
        fallbacks=(decision.expert, *(name for name in decision.fallbacks if name != rival)),
        propensity=rate,
    )
