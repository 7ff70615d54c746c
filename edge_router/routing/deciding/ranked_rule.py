"""The rule of a stated order of experts, such as a leaderboard's: the first that may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge_router.errors import NoExpertFits
from edge_router.guards.checks import FrozenDict

from ..arrays import Places
from ..experts.panel import Candidates
from .decision import Decision, Ranked, Verdict, Weighed
from .reason import RULED_OUT, Reason

__all__ = ["RankedRule", "alone_with"]


@dataclass(frozen=True, slots=True)
class RankedRule:
    """`order` names experts, the best first; those that it does not name come after them, by
    expected quality. Names of experts that there are not do not count.

    `scores` (0..1, by name) are what the order rests on: the gain of a decision is the difference
    to the next expert's. `label` stands where a decision says by which preference it was made,
    `reason` says why the first was chosen.
    """

    order: tuple[str, ...]
    label: str = "stated order"
    scores: Mapping[str, float] = field(default_factory=FrozenDict)
    reason: Reason = Reason.TASK_EXPERT

    @property
    def operating_point(self) -> str:
        return ""

    @property
    def least_quality(self) -> float:
        return 0.0

    @property
    def preference(self) -> str:
        return self.label

    def weigh(self, candidates: Candidates) -> Weighed:
        rank = {name: place for place, name in enumerate(self.order)}
        last = len(self.order)
        places = [rank.get(name, last) for name in candidates.names]
        ranking = np.lexsort((-candidates.quality, np.array(places)))
        return _InOrder(ranking, candidates.names, self.scores, self.reason)


@dataclass(frozen=True, slots=True, eq=False)
class _InOrder(Ranked):
    """All candidates in the stated order."""

    names: Sequence[str]
    scores: Mapping[str, float]
    reason: Reason

    def verdict(self, among: Places, place: int) -> Verdict:
        """The gain is 0 where the next expert's score, or its own, is not known."""
        later = [self.names[other] for other in self.order(among).tolist() if other != place]
        own = self.scores.get(self.names[place])
        second = self.scores.get(later[0]) if later else None
        gain = 0.0 if own is None or second is None else own - second
        return Verdict(self.reason, gain, 0.0)


def alone_with(decision: Decision, expert: str) -> Decision:
    """The decision for one expert and no other. Raises NoExpertFits where it is ruled out."""
    if (why := decision.excluded.get(expert)) is not None:
        raise NoExpertFits(f"{expert} may not be asked: {RULED_OUT[why]}", excluded={expert: why})
    assert decision.grounds is not None
    experts = {one.expert.name: one.expert for one in decision.grounds.candidates}
    where, why = experts[expert].location, Reason.ASKED_BY_NAME
    chosen = replace(decision, expert=expert, wanted=expert, location=where, reason=why)
    return replace(chosen, fallbacks=())
