"""Who answers: a pure function of estimates, constraints and the operating point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from .calibration import OperatingPoint
from .candidates import Candidate, Candidates, Estimates, Floats, Places, Traits
from .checks import (
    any_text,
    flag,
    instance,
    mapping,
    member,
    number,
    optional,
    settle,
    texts,
)
from .errors import ConfigError, NoExpertFits
from .experts import Estimate, Location
from .frozen import FrozenDict
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


NOTHING: FrozenDict[str, Any] = FrozenDict()
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
    """Hard limits on one query; None means no limit. Costs in dollars, latency in seconds.

    Texts become what they mean ("only_on_device", "0.01"). Raises ConfigError, which is a
    ValueError, for everything that is no limit: another word, NaN, infinity, less than nothing.
    """

    placement: Placement = Placement.PREFER_ON_DEVICE
    offline: bool = False
    max_cost_usd: float | None = None
    max_latency_s: float | None = None
    budget_left_usd: float | None = None

    def __post_init__(self) -> None:
        cost, latency, budget = self.max_cost_usd, self.max_latency_s, self.budget_left_usd
        if not (
            type(self.placement) is Placement
            and type(self.offline) is bool
            and (cost is None or (type(cost) is float and 0.0 <= cost < math.inf))
            and (latency is None or (type(latency) is float and 0.0 <= latency < math.inf))
            and (budget is None or (type(budget) is float and 0.0 <= budget < math.inf))
        ):
            settle(self, LIMIT_CHECKS, "Constraints")

    def tightened(self, other: Constraints) -> Constraints:
        """Of each limit the stricter one, so that a call can never loosen what settings promise."""
        require_constraints(other)
        return Constraints(
            placement=max(self.placement, other.placement, key=STRICTNESS.index),
            offline=self.offline or other.offline,
            max_cost_usd=_least(self.max_cost_usd, other.max_cost_usd),
            max_latency_s=_least(self.max_latency_s, other.max_latency_s),
            budget_left_usd=_least(self.budget_left_usd, other.budget_left_usd),
        )

    def to_json(self) -> dict[str, Any]:
        """The limits by their names; `Constraints(**found)` makes them again."""
        return asdict(self)


LIMIT_CHECKS = {
    "placement": member(Placement),
    "offline": flag,
    "max_cost_usd": optional(number(0.0)),
    "max_latency_s": optional(number(0.0)),
    "budget_left_usd": optional(number(0.0)),
}


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)


def require_constraints(stated: object) -> None:
    """Raise ConfigError for limits that are none: nothing that is not understood limits nothing."""
    if not isinstance(stated, Constraints):
        raise ConfigError(
            f"the constraints must be Constraints, not {type(stated).__name__}; for example "
            'Constraints(placement="only_on_device")'
        )


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

    def order(self, candidates: Sequence[Candidate]) -> list[str]:
        """Their names, best first: who is asked when the others do not answer."""
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


def decide(
    candidates: Sequence[Candidate],
    *,
    constraints: Constraints,
    rule: Rule,
    input_tokens: int,
    doubts: Mapping[str, Reason] = NOTHING,
    tokens: Mapping[str, int] = NOTHING,
    query: RoutedQuery | None = None,
) -> Decision:
    """Choose among `candidates` for a query whose untrimmable part has `input_tokens`, and as many
    `tokens` as an expert itself counts where it can, by its name.

    Constraints rule experts out first. `doubts` (expert to reason) then rule out more, as long as
    somebody else may answer: they come from the state of the device, which is no promise. Among
    the others `rule` chooses. Raises NoExpertFits when everyone is ruled out.
    """
    everyone = Candidates.of(candidates)
    lengths = _lengths(everyone, input_tokens, tokens) if tokens else input_tokens
    excluded = _excluded(everyone, constraints, lengths, doubts)
    usable = _without(everyone, excluded)
    if not usable:
        told = ", ".join(f"{name} ({RULED_OUT[reason]})" for name, reason in excluded.items())
        raise NoExpertFits(f"no expert may answer: {told}", excluded=excluded)
    wanted = _choose(everyone, constraints, rule)
    chosen = _choose(usable, constraints, rule) if excluded else wanted
    compared = everyone
    if wanted.expert.name not in (chosen.expert.name, *excluded):
        wanted, compared = chosen, usable  # whoever stood in its way is ruled out
    verdict = rule.explain(compared, wanted)
    return Decision(
        expert=chosen.expert.name,
        location=chosen.expert.location,
        reason=_reason(chosen, wanted, excluded, verdict, constraints),
        wanted=wanted.expert.name,
        fallbacks=tuple(name for name in rule.order(usable) if name != chosen.expert.name),
        estimates=everyone.estimates,
        excluded=excluded,
        operating_point=rule.operating_point,
        gain=verdict.gain,
        min_gain=verdict.min_gain,
        preference=rule.preference,
        grounds=Grounds(everyone, constraints, rule, input_tokens, doubts, query, tokens),
    )


def _lengths(candidates: Candidates, input_tokens: int, tokens: Mapping[str, int]) -> Floats:
    """(experts,) tokens that each of them would have to read."""
    found = [tokens.get(name, input_tokens) for name in candidates.names]
    return np.array(found, dtype=np.float64)


def _without(candidates: Candidates, excluded: Mapping[str, Reason]) -> Candidates:
    if not excluded:
        return candidates
    left = [place for place, name in enumerate(candidates.names) if name not in excluded]
    return candidates.take(np.array(left, dtype=np.intp))


def _excluded(
    candidates: Candidates,
    constraints: Constraints,
    lengths: Floats | int,
    doubts: Mapping[str, Reason],
) -> dict[str, Reason]:
    reasons: dict[int, Reason] = {}
    for reason, column in _ruled_out(candidates, constraints, lengths):
        for place in column.nonzero()[0].tolist():
            reasons.setdefault(place, reason)
    if not reasons and not doubts:
        return {}
    names = candidates.names
    excluded = {names[place]: reasons[place] for place in sorted(reasons)}
    doubted = {name: doubts[name] for name in names if name in doubts and name not in excluded}
    somebody_else = len(excluded) + len(doubted) < len(names)
    return excluded | (doubted if somebody_else else {})


def _ruled_out(
    candidates: Candidates, constraints: Constraints, lengths: Floats | int
) -> Iterator[tuple[Reason, npt.NDArray[np.bool_]]]:
    """Why candidates may not answer and which (experts,), the most telling reason first."""
    traits, placement = candidates.traits, constraints.placement
    yield Reason.NOT_CONFIGURED, traits.not_configured
    if placement == Placement.ONLY_ON_DEVICE:
        yield Reason.ONLY_ON_DEVICE, traits.leaves_device
    if placement == Placement.ONLY_IN_CLOUD:
        yield Reason.ONLY_IN_CLOUD, ~traits.in_cloud
    if constraints.offline:
        yield Reason.OFFLINE, traits.leaves_device
    yield Reason.CONTEXT_LENGTH, lengths >= traits.context_tokens
    if constraints.max_latency_s is not None:  # so that what is no number is beyond a limit
        yield Reason.MAX_LATENCY, ~(candidates.latency_s <= constraints.max_latency_s)
    yield from _too_dear(candidates.cost_usd, constraints)


def _too_dear(
    costs: Floats, constraints: Constraints
) -> Iterator[tuple[Reason, npt.NDArray[np.bool_]]]:
    limit, budget = constraints.max_cost_usd, constraints.budget_left_usd
    if limit is not None or budget is not None:
        yield Reason.PRICE_UNKNOWN, np.isnan(costs)
    if limit is not None:
        yield Reason.MAX_COST, costs > limit
    if budget is not None:
        yield Reason.BUDGET, costs > budget


def _choose(candidates: Candidates, constraints: Constraints, rule: Rule) -> Candidate:
    if constraints.placement == Placement.PREFER_IN_CLOUD:
        traits = candidates.traits
        for in_cloud in (traits.in_cloud & ~traits.not_configured, traits.in_cloud):
            if in_cloud.any():
                best = rule.order(candidates.take(in_cloud.nonzero()[0]))[0]
                return candidates[candidates.place(best)]
    return rule.choose(candidates)


def _reason(
    chosen: Candidate,
    wanted: Candidate,
    excluded: Mapping[str, Reason],
    verdict: Verdict,
    constraints: Constraints,
) -> Reason:
    if chosen.expert.name != wanted.expert.name:
        return excluded[wanted.expert.name]
    in_cloud = chosen.expert.location == Location.CLOUD
    if in_cloud and constraints.placement == Placement.PREFER_IN_CLOUD:
        return Reason.PREFERRED_IN_CLOUD
    return verdict.reason


@dataclass(frozen=True, slots=True, eq=False)
class LeastGains:
    """What an operating point asks of a stronger profile over a weaker, `table` (weak, strong).

    `place` has the profiles that it names; the last row and column stand for every other. `rows`
    (weak, 1) are the numbers of the rows.
    """

    place: Mapping[str, int]
    table: Floats
    rows: Places

    @classmethod
    def of(cls, point: OperatingPoint) -> Self:
        pairs = {tuple(pair.split(">", 1)): gain for pair, gain in point.min_gain.items()}
        place = {
            profile: at for at, profile in enumerate(sorted({p for pair in pairs for p in pair}))
        }
        table = np.full((len(place) + 1, len(place) + 1), point.default)
        for (weak, strong), gain in pairs.items():
            table[place[weak], place[strong]] = gain
        return cls(place, table, np.arange(len(table))[:, None])

    def places(self, traits: Traits) -> Places:
        """Where the profile of each of the experts stands (experts,)."""
        other = len(self.place)
        found = np.array([self.place.get(profile, other) for profile in traits.profiles])
        return found[traits.profile]


@dataclass(frozen=True, slots=True)
class GainRule:
    """The dearest expert whose expected gain in quality over every cheaper one is at least what
    the operating point asks for that pair.

    With one local and one cloud expert this is the threshold rule of the field, on the expected
    gain. Where the gain does not count, the best expected quality goes first.
    """

    point: OperatingPoint
    _least: LeastGains = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_least", LeastGains.of(self.point))

    @property
    def operating_point(self) -> str:
        return self.point.name

    @property
    def preference(self) -> None:
        return None

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        columns = Candidates.of(candidates)
        ranked = columns.cheapest_first
        quality, profile = columns.quality[ranked], self._least.places(columns.traits)[ranked]
        by_profile = np.where(profile == self._least.rows, quality, -np.inf)
        best = np.maximum.accumulate(by_profile, axis=1)  # (profiles, experts), so far
        gains, asked = quality[1:] - best[:, :-1], self._least.table[:, profile[1:]]
        worth_it = np.logical_and.reduce(gains >= asked).nonzero()[0]
        return candidates[int(ranked[worth_it[-1] + 1 if len(worth_it) else 0])]

    def order(self, candidates: Sequence[Candidate]) -> list[str]:
        columns = Candidates.of(candidates)
        found: list[str] = columns.traits.names[columns.best_first()].tolist()
        return found

    def explain(self, candidates: Sequence[Candidate], chosen: Candidate) -> Verdict:
        """The gain is that of the comparison that decided.

        For the cheapest expert: of the dearer one that came closest to being worth it. For any
        other: over the cheaper one that came closest to being enough.
        """
        columns = Candidates.of(candidates)
        if len(columns) == 1:
            return Verdict(Reason.CHEAPEST_IS_ENOUGH, 0.0, self.point.default)
        ranked = columns.cheapest_first
        quality, profile = columns.quality[ranked], self._least.places(columns.traits)[ranked]
        place = columns.traits.names[ranked].tolist().index(chosen.expert.name)
        if place > 0:
            gains = quality[place] - quality[:place]
            asked = self._least.table[profile[:place], profile[place]]
            closest = (gains - asked).argmin()
            return Verdict(Reason.GAIN_IS_WORTH_IT, float(gains[closest]), float(asked[closest]))
        gains, asked = quality[1:] - quality[0], self._least.table[profile[0], profile[1:]]
        closest = (gains - asked).argmax()
        return Verdict(Reason.CHEAPEST_IS_ENOUGH, float(gains[closest]), float(asked[closest]))
