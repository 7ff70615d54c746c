"""The rule of a stated order of experts, such as a leaderboard's: the first that may answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge_router.errors import ConfigError, NoExpertFits
from edge_router.guards.checks import FrozenDict

from ..arrays import Places
from ..experts.expert import Expert
from ..experts.panel import Candidates
from .decision import Decision, Ranked, Verdict, Weighed
from .reason import RULED_OUT, Reason

__all__ = ["RankedRule", "alone_with", "experts_called"]


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


def experts_called(name: str, experts: Iterable[Expert]) -> tuple[str, ...]:
    """The expert of that name, or the levels of thinking of the one that has them. Raises
    ConfigError for an unknown name."""
    experts = tuple(experts)
    named = tuple(one.name for one in experts if name in (one.name, one.level_of))
    if not named:
        known = ", ".join(one.name for one in experts)
        raise ConfigError(f"expert {name!r:.80} is unknown; known are {known}")
    return named


def alone_with(decision: Decision, names: Sequence[str]) -> Decision:
    """The decision for some experts and no others, the first of its order that it has of them.
    Raises NoExpertFits where all are ruled out."""
    left = [name for name in decision.order if name in names]
    if not left:
        excluded = {name: decision.excluded[name] for name in names}
        why = "; ".join(f"{name} may not be asked: {RULED_OUT[r]}" for name, r in excluded.items())
        raise NoExpertFits(why, excluded=excluded)
    assert decision.grounds is not None
    expert, *fallbacks = left
    experts = {one.expert.name: one.expert for one in decision.grounds.candidates}
    where, why = experts[expert].location, Reason.ASKED_BY_NAME
    chosen = replace(decision, expert=expert, wanted=expert, location=where, reason=why)
    return replace(chosen, fallbacks=tuple(fallbacks))
