"""Deferral after the fact: a local answer whose first tokens look bad goes to the cloud.

What the gate says of them takes the place of the router's estimate in a second decision under the
same rules, so no constraint is loosened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .errors import NoExpertFits
from .experts import Expert, Location
from .policy import Candidate, Constraints, Decision, Rule, decide

__all__ = ["Deferral", "reconsider", "what_is_left"]


@dataclass(frozen=True, slots=True)
class Deferral:
    """A local answer that should not be gone on with.

    After `tokens` tokens it was good with `probability` (0..1); asking `to` then gains `gain` in
    expected quality over it, `min_gain` is what the rule asks for.
    """

    expert: str
    to: str
    tokens: int
    probability: float
    gain: float
    min_gain: float

    @property
    def words(self) -> str:
        """What happened, in one clause."""
        return (
            f"after {self.tokens} tokens {self.expert}'s answer was good with a chance of "
            f"{self.probability:.0%}, so {self.to} was asked: expected gain {self.gain:+.0%}, "
            f"worth it from {self.min_gain:+.0%}"
        )


def what_is_left(constraints: Constraints, *, cost_usd: float, seconds: float) -> Constraints:
    """The limits on whoever is asked second, after what the first one took."""
    return replace(
        constraints,
        max_cost_usd=_less(constraints.max_cost_usd, cost_usd),
        max_latency_s=_less(constraints.max_latency_s, seconds),
        budget_left_usd=_less(constraints.budget_left_usd, cost_usd),
    )


def _less(limit: float | None, taken: float) -> float | None:
    return None if limit is None else max(0.0, limit - taken)


def reconsider(
    decision: Decision,
    experts: Iterable[Expert],
    *,
    probability: float,
    tokens: int,
    constraints: Constraints,
    rule: Rule,
) -> Deferral | None:
    """Decide again between the expert that began, its answer good with `probability` after `tokens`
    tokens, and the cloud experts that the first decision admits.

    `constraints` are what is left of them; they rule out as they did the first time. None where
    the expert that began should go on.
    """
    by_name = {expert.name: expert for expert in experts}
    began = by_name[decision.expert]
    cloud = [by_name[e] for e in decision.fallbacks if by_name[e].location == Location.CLOUD]
    estimate = replace(
        decision.estimates[began.name], quality=probability, cost_usd=0.0, latency_s=0.0
    )
    candidates = [
        Candidate(began, estimate),
        *(Candidate(expert, decision.estimates[expert.name]) for expert in cloud),
    ]
    try:
        second = decide(candidates, constraints=constraints, rule=rule, input_tokens=0)
    except NoExpertFits:
        return None
    if second.expert == began.name:
        return None
    return Deferral(began.name, second.expert, tokens, probability, second.gain, second.min_gain)
