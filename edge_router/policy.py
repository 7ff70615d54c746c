"""Who answers: a pure function of estimates, constraints and the operating point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from .calibration import OperatingPoint
from .errors import NoExpertFits
from .experts import Estimate, Expert, Location
from .grounds import Grounds, RoutedQuery

if TYPE_CHECKING:
    from .explanation import Explanation

__all__ = [
    "Candidate",
    "Constraints",
    "Decision",
    "GainRule",
    "Placement",
    "Reason",
    "Rule",
    "Verdict",
    "decide",
]


class Placement(StrEnum):
    """Where answers may come from. `only_` is a promise, `prefer_` a wish."""

    ONLY_ON_DEVICE = "only_on_device"
    PREFER_ON_DEVICE = "prefer_on_device"
    PREFER_IN_CLOUD = "prefer_in_cloud"
    ONLY_IN_CLOUD = "only_in_cloud"


STRICTNESS = (
    Placement.PREFER_ON_DEVICE,
    Placement.PREFER_IN_CLOUD,
    Placement.ONLY_IN_CLOUD,
    Placement.ONLY_ON_DEVICE,
)


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
class Constraints:
    """Hard limits on one query; None means no limit. Costs in dollars, latency in seconds."""

    placement: Placement = Placement.PREFER_ON_DEVICE
    offline: bool = False
    max_cost_usd: float | None = None
    max_latency_s: float | None = None
    budget_left_usd: float | None = None

    def tightened(self, other: Constraints) -> Constraints:
        """Of each limit the stricter one, so that a call can never loosen what settings promise."""
        return Constraints(
            placement=max(self.placement, other.placement, key=STRICTNESS.index),
            offline=self.offline or other.offline,
            max_cost_usd=_least(self.max_cost_usd, other.max_cost_usd),
            max_latency_s=_least(self.max_latency_s, other.max_latency_s),
            budget_left_usd=_least(self.budget_left_usd, other.budget_left_usd),
        )


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An expert with its estimate; `configured` is False for one that only serves to compare."""

    expert: Expert
    estimate: Estimate
    configured: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a rule chose as it did: a stable code, the expected gain in quality that decided, and
    the least gain that was asked for."""

    reason: Reason
    gain: float
    min_gain: float


class Rule(Protocol):
    """How to choose among candidates; `GainRule` is one, `preference.Preference` another."""

    @property
    def operating_point(self) -> str:
        """The name of the operating point, "" for a rule that has none."""
        ...

    @property
    def preference(self) -> str | None:
        """The preference as the user states it, None for a rule that is none."""
        ...

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        """One of `candidates`, of which there is at least one."""
        ...

    def order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """All of them, best first: who is asked when the others do not answer."""
        ...

    def explain(self, candidates: Sequence[Candidate], chosen: Candidate) -> Verdict:
        """Why `chosen` was taken of `candidates`."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers, and why.

    `wanted` is the expert that would answer if none were ruled out; where it is not `expert`,
    `reason` is why it was ruled out. `fallbacks` are asked in order if `expert` is unavailable.
    `gain` is the expected gain in quality that decided, `min_gain` what the operating point asks
    for there. Under a `preference` no operating point counts (its name is ""): `gain` is then the
    one over the next best expert, and `min_gain` is 0. `propensity` is the probability with which
    this expert was to be asked, below 1 only where exploration had a choice. `grounds` is what all
    this follows from; it takes no part in comparisons and is not printed.
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
        return (
            f"good enough: asking a dearer expert gains {self.gain:+.0%} (< {self.min_gain:+.0%})"
        )

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

    def _compared(self) -> str:
        """What is expected of the chosen expert, and of the next one."""
        told = [self.estimates[self.expert].words]
        told += [f"{name} {self.estimates[name].words}" for name in self.fallbacks[:1]]
        return ", next ".join(told)


def decide(
    candidates: Sequence[Candidate],
    *,
    constraints: Constraints,
    rule: Rule,
    input_tokens: int,
    doubts: Mapping[str, Reason] = MappingProxyType({}),
    query: RoutedQuery | None = None,
) -> Decision:
    """Choose among `candidates` for a query whose untrimmable part has `input_tokens`.

    Constraints rule experts out first. `doubts` (expert to reason) then rule out more, as long as
    somebody else may answer: they come from the state of the device, which is no promise. Among
    the others `rule` chooses. Raises NoExpertFits when everyone is ruled out.
    """
    excluded = _excluded(candidates, constraints, input_tokens, doubts)
    usable = [c for c in candidates if c.expert.name not in excluded]
    if not usable:
        told = ", ".join(f"{name} ({RULED_OUT[reason]})" for name, reason in excluded.items())
        raise NoExpertFits(f"no expert may answer: {told}", excluded=excluded)
    wanted = _choose(candidates, constraints, rule)
    chosen = _choose(usable, constraints, rule) if excluded else wanted
    compared: Sequence[Candidate] = candidates
    if wanted is not chosen and wanted.expert.name not in excluded:
        wanted, compared = chosen, usable  # whoever stood in its way is ruled out
    verdict = rule.explain(compared, wanted)
    return Decision(
        expert=chosen.expert.name,
        location=chosen.expert.location,
        reason=_reason(chosen, wanted, excluded, verdict, constraints),
        wanted=wanted.expert.name,
        fallbacks=tuple(c.expert.name for c in rule.order(usable) if c is not chosen),
        estimates={c.expert.name: c.estimate for c in candidates},
        excluded=excluded,
        operating_point=rule.operating_point,
        gain=verdict.gain,
        min_gain=verdict.min_gain,
        preference=rule.preference,
        grounds=Grounds(tuple(candidates), constraints, rule, input_tokens, doubts, query),
    )


def _excluded(
    candidates: Sequence[Candidate],
    constraints: Constraints,
    input_tokens: int,
    doubts: Mapping[str, Reason],
) -> dict[str, Reason]:
    excluded = {
        candidate.expert.name: reason
        for candidate in candidates
        if (reason := next(_ruled_out(candidate, constraints, input_tokens), None)) is not None
    }
    doubted = {
        candidate.expert.name: doubts[candidate.expert.name]
        for candidate in candidates
        if candidate.expert.name in doubts and candidate.expert.name not in excluded
    }
    somebody_else = len(excluded) + len(doubted) < len(candidates)
    return excluded | (doubted if somebody_else else {})


def _ruled_out(
    candidate: Candidate, constraints: Constraints, input_tokens: int
) -> Iterator[Reason]:
    """Why a candidate may not answer, the most telling reason first."""
    expert, placement = candidate.expert, constraints.placement
    in_cloud = expert.location is Location.CLOUD
    if not candidate.configured:
        yield Reason.NOT_CONFIGURED
    if in_cloud and placement is Placement.ONLY_ON_DEVICE:
        yield Reason.ONLY_ON_DEVICE
    if not in_cloud and placement is Placement.ONLY_IN_CLOUD:
        yield Reason.ONLY_IN_CLOUD
    if in_cloud and constraints.offline:
        yield Reason.OFFLINE
    if expert.context_tokens is not None and input_tokens >= expert.context_tokens:
        yield Reason.CONTEXT_LENGTH
    if _above(candidate.estimate.latency_s, constraints.max_latency_s):
        yield Reason.MAX_LATENCY
    yield from _too_dear(candidate.estimate.cost_usd, constraints)


def _too_dear(cost: float | None, constraints: Constraints) -> Iterator[Reason]:
    limit, budget = constraints.max_cost_usd, constraints.budget_left_usd
    if cost is None and not (limit is None and budget is None):
        yield Reason.PRICE_UNKNOWN
    if _above(cost or 0.0, limit):
        yield Reason.MAX_COST
    if _above(cost or 0.0, budget):
        yield Reason.BUDGET


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit


def _choose(candidates: Sequence[Candidate], constraints: Constraints, rule: Rule) -> Candidate:
    in_cloud = [c for c in candidates if c.expert.location is Location.CLOUD]
    if constraints.placement is Placement.PREFER_IN_CLOUD and in_cloud:
        return rule.order([c for c in in_cloud if c.configured] or in_cloud)[0]
    return rule.choose(candidates)


def _reason(
    chosen: Candidate,
    wanted: Candidate,
    excluded: Mapping[str, Reason],
    verdict: Verdict,
    constraints: Constraints,
) -> Reason:
    if chosen is not wanted:
        return excluded[wanted.expert.name]
    in_cloud = chosen.expert.location is Location.CLOUD
    if in_cloud and constraints.placement is Placement.PREFER_IN_CLOUD:
        return Reason.PREFERRED_IN_CLOUD
    return verdict.reason


@dataclass(frozen=True, slots=True)
class GainRule:
    """The dearest expert whose expected gain in quality over every cheaper one is at least what
    the operating point asks for that pair.

    With one local and one cloud expert this is the threshold rule of the field, on the expected
    gain. Where the gain does not count, the best expected quality goes first.
    """

    point: OperatingPoint

    @property
    def operating_point(self) -> str:
        return self.point.name

    @property
    def preference(self) -> None:
        return None

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        ranked = sorted(candidates, key=_by_cost)
        chosen, best = ranked[0], dict[str, float]()  # best quality so far, by profile
        for candidate in ranked:
            profile, quality = candidate.expert.profile, candidate.estimate.quality
            if all(quality - q >= self.point.gain(weak, profile) for weak, q in best.items()):
                chosen = candidate
            best[profile] = max(quality, best.get(profile, quality))
        return chosen

    def order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda c: (-c.estimate.quality, c.expert.name))

    def explain(self, candidates: Sequence[Candidate], chosen: Candidate) -> Verdict:
        """The gain is that of the comparison that decided.

        For the cheapest expert: of the dearer one that came closest to being worth it. For any
        other: over the cheaper one that came closest to being enough.
        """
        ranked = sorted(candidates, key=_by_cost)
        place = ranked.index(chosen)
        if len(ranked) == 1:
            return Verdict(Reason.CHEAPEST_IS_ENOUGH, 0.0, self.point.default)
        if place > 0:
            weak = min(ranked[:place], key=lambda cheaper: self._surplus(cheaper, chosen))
            return Verdict(Reason.GAIN_IS_WORTH_IT, _gain(weak, chosen), self._least(weak, chosen))
        strong = max(ranked[1:], key=lambda dearer: self._surplus(chosen, dearer))
        return Verdict(
            Reason.CHEAPEST_IS_ENOUGH, _gain(chosen, strong), self._least(chosen, strong)
        )

    def _least(self, weak: Candidate, strong: Candidate) -> float:
        return self.point.gain(weak.expert.profile, strong.expert.profile)

    def _surplus(self, weak: Candidate, strong: Candidate) -> float:
        """What `strong` gains beyond what the operating point asks for."""
        return _gain(weak, strong) - self._least(weak, strong)


def _by_cost(candidate: Candidate) -> tuple[bool, bool, float, float, str]:
    """The device first, then known prices from low to high, then the unknown ones."""
    estimate = candidate.estimate
    in_cloud = candidate.expert.location is Location.CLOUD
    cost = estimate.cost_usd
    return (in_cloud, cost is None, cost or 0.0, estimate.latency_s, estimate.name)


def _gain(weak: Candidate, strong: Candidate) -> float:
    return strong.estimate.quality - weak.estimate.quality
