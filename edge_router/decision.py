"""Who answers and why, as a value: the codes of all reasons, and the words for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .candidates import Estimates
from .checks import any_text, instance, mapping, member, number, optional, settle, texts
from .experts import Estimate, Location
from .grounds import Grounds

if TYPE_CHECKING:
    from .explanation import Explanation

__all__ = ["PREFERRED", "RULED_OUT", "Decision", "Reason"]


class Reason(StrEnum):
    """Stable codes: why an expert was chosen, or why one was ruled out."""

    CHEAPEST_IS_ENOUGH = "cheapest_is_enough"
    GAIN_IS_WORTH_IT = "gain_is_worth_it"
    PREFERRED_IN_CLOUD = "preferred_in_cloud"
    BEST_QUALITY = "best_quality"
    BEST_IN_COST_RANGE = "best_in_cost_range"
    OUTSIDE_COST_RANGE = "outside_cost_range"
    BEST_BALANCE = "best_balance"
    EXPLORATION = "exploration"
    NOT_CONFIGURED = "not_configured"
    ONLY_ON_DEVICE = "only_on_device"
    ONLY_IN_CLOUD = "only_in_cloud"
    OFFLINE = "offline"
    CONTEXT_LENGTH = "context_length"
    PRICE_UNKNOWN = "price_unknown"
    MAX_COST = "max_cost"
    BUDGET = "budget"
    MAX_LATENCY = "max_latency"
    MEMORY = "memory"
    LOW_BATTERY = "low_battery"
    UNREACHABLE = "unreachable"


RULED_OUT = {
    Reason.NOT_CONFIGURED: "no such expert is configured",
    Reason.ONLY_ON_DEVICE: "nothing may leave this device",
    Reason.ONLY_IN_CLOUD: "only the cloud may answer",
    Reason.OFFLINE: "this device is offline",
    Reason.CONTEXT_LENGTH: "the query does not fit its context",
    Reason.PRICE_UNKNOWN: "a limit on cost is set and its price is not known",
    Reason.MAX_COST: "it would cost more than allowed",
    Reason.BUDGET: "it would cost more than is left of the budget",
    Reason.MAX_LATENCY: "it would take longer than allowed",
    Reason.MEMORY: "its model is not loaded and would not fit the free memory",
    Reason.LOW_BATTERY: "the battery is low",
    Reason.UNREACHABLE: "it could not be reached just now",
}

PREFERRED = {
    Reason.BEST_QUALITY: "best expected quality",
    Reason.BEST_IN_COST_RANGE: "best expected quality within the cost range",
    Reason.OUTSIDE_COST_RANGE: "cheapest, since nobody is within the cost range",
    Reason.BEST_BALANCE: "best balance of quality, cost and latency",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers, and why.

    `wanted` is the expert that would answer if none were ruled out; where it is not `expert`,
    `reason` is why it was ruled out. `fallbacks` are asked in order if `expert` is unavailable.
    `gain` is the expected gain in quality that decided, `min_gain` what the operating point asks
    for there. Under a `preference` no operating point counts (its name is ""): `gain` is then the
    one over the next best expert, and `min_gain` is 0. `propensity` is the probability with which
    this expert was to be asked, below 1 only where exploration had a choice. `grounds` is what all
    this follows from; it takes no part in comparisons, is not printed, and stays behind when the
    decision is pickled. Raises ConfigError for a field that is not what its name says.
    """

    expert: str
    location: Location
    reason: Reason
    wanted: str
    fallbacks: tuple[str, ...]
    estimates: Mapping[str, Estimate]
    excluded: Mapping[str, Reason]
    operating_point: str
    gain: float
    min_gain: float
    preference: str | None = None
    propensity: float = 1.0
    grounds: Grounds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not (
            type(self.location) is Location
            and type(self.reason) is Reason
            and type(self.expert) is type(self.wanted) is type(self.operating_point) is str
            and type(self.fallbacks) is tuple
            and type(self.estimates) is Estimates
            and type(self.excluded) is dict
            and type(self.gain) is type(self.min_gain) is type(self.propensity) is float
            and -math.inf < self.gain < math.inf
            and -math.inf < self.min_gain < math.inf
            and 0.0 <= self.propensity <= 1.0
            and (self.preference is None or type(self.preference) is str)
            and (self.grounds is None or type(self.grounds) is Grounds)
        ):
            settle(self, DECISION_CHECKS, "Decision")

    def __reduce__(self) -> tuple[Any, ...]:
        stated = {one.name: getattr(self, one.name) for one in fields(self)}
        return _decision, (stated | {"grounds": None},)

    def __deepcopy__(self, _: dict[int, Any]) -> Decision:
        """With the same grounds: they are frozen, and hold the artifact."""
        return replace(self, estimates=dict(self.estimates), excluded=dict(self.excluded))

    @property
    def order(self) -> tuple[str, ...]:
        """Whom to ask, one after the other until somebody answers."""
        return (self.expert, *self.fallbacks)

    @property
    def words(self) -> str:
        """The reason in one clause."""
        if self.wanted != self.expert:
            return f"{self.wanted} was wanted{self._instead()}"
        if self.reason is Reason.PREFERRED_IN_CLOUD:
            return "the cloud is preferred"
        if self.reason is Reason.GAIN_IS_WORTH_IT:
            return f"expected gain {self.gain:+.0%}, worth it from {self.min_gain:+.0%}"
        if len(self.estimates) == 1:
            return "the only expert there is"
        if self.reason in PREFERRED:
            return f"{PREFERRED[self.reason]}: {self._compared()}"
        gains = f"{self.gain:+.0%}" if self.gain > 0 else "nothing"
        return f"good enough: asking a dearer expert gains {gains} (< {self.min_gain:+.0%})"

    def _instead(self) -> str:
        """Why the expert that was wanted is not the one that is asked."""
        if self.reason is Reason.EXPLORATION:
            return f"; {self.expert} is asked to learn from its answer"
        return f", but {RULED_OUT[self.reason]}"

    def explain(self) -> Explanation:
        """Why, in detail: see `Explanation`. Takes about half a second; nothing is asked of anyone.

        Raises RoutingError for a decision that did not come from `Router.route`.
        """
        from .explanation import Explanation

        return Explanation.of(self)

    def to_json(self) -> dict[str, Any]:
        """Every field but `grounds`, and `words`; costs in dollars, times in seconds."""
        written_out = replace(self, estimates=dict(self.estimates), grounds=None)
        found = asdict(written_out)
        del found["grounds"]
        return found | {"words": self.words}

    def _compared(self) -> str:
        """What is expected of the chosen expert, and of the next one."""
        told = [self.estimates[self.expert].words]
        told += [f"{name} {self.estimates[name].words}" for name in self.fallbacks[:1]]
        return ", next ".join(told)


def _decision(stated: dict[str, Any]) -> Decision:
    """One that crossed a process boundary."""
    return Decision(**stated)


DECISION_CHECKS = {
    "expert": any_text,
    "location": member(Location),
    "reason": member(Reason),
    "wanted": any_text,
    "fallbacks": texts,
    "estimates": mapping(instance(Estimate)),
    "excluded": mapping(member(Reason)),
    "operating_point": any_text,
    "gain": number(-math.inf),
    "min_gain": number(-math.inf),
    "preference": optional(any_text),
    "propensity": number(0.0, 1.0),
    "grounds": optional(instance(Grounds)),
}
