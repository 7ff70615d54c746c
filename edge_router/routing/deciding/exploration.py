"""Now and then the other expert answers, so that there is something to learn from.

Only the chosen expert's answer is ever seen. With a known small probability of asking the other
one, outcomes can be weighted by the inverse of it (see `recalibration`).
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
    """Who is asked when the draw falls the other way: if the expert that the rule chose were not
    there, and after exploration that expert.

    Everything that rules experts out holds for it too, and so do wishes: nobody is a rival whom
    the state of the device speaks against, who is on the device where the cloud is preferred, or
    who is outside the preferred cost range. None where nobody is left.
    """
    if decision.grounds is None:
        return None
    if decision.reason is Reason.EXPLORATION:
        return decision.wanted
    grounds = decision.grounds
    out = {decision.expert, *decision.excluded, *grounds.doubts}
    others = tuple(c for c in grounds.candidates if c.expert.name not in out)
    try:
        found = decide_again(replace(grounds, candidates=others))
    except NoExpertFits:
        return None
    return None if _against_a_wish(decision, found) else found.expert


def _against_a_wish(decision: Decision, found: Decision) -> bool:
    assert decision.grounds is not None
    for_cloud = decision.grounds.constraints.placement == Placement.PREFER_IN_CLOUD
    return (for_cloud and found.location == Location.DEVICE) or (
        found.reason is Reason.OUTSIDE_COST_RANGE
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
