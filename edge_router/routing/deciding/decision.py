"""Who answers and why, as a value: the codes of all reasons, and the words for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edge_router.chat.capability import Capability
from edge_router.device.latency import AS_STATED, ExpertState
from edge_router.guards.checks import (
    FrozenDict,
    any_text,
    instance,
    mapping,
    member,
    number,
    optional,
    settle,
    texts,
)

from ..arrays import Places
from ..artifact.representation import RoutedQuery
from ..experts.expert import Estimate, Location
from ..experts.panel import Candidate, Candidates, Estimates
from .reason import PREFERRED, RULED_OUT, STATED, Reason

if TYPE_CHECKING:
    from edge_router.settings.constraints import Constraints

__all__ = [
    "NO_NEEDS",
    "Decision",
    "Grounds",
    "Needs",
    "Ranked",
    "Rule",
    "Snapshot",
    "Stay",
    "Verdict",
    "Weighed",
]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request needs of an expert besides answering text; `remote_parts` says that the expert
    would have to fetch an image from a network. `withheld` are experts that may not read it, each
    with the reason."""

    capabilities: frozenset[Capability] = frozenset()
    remote_parts: bool = False
    withheld: Mapping[str, Reason] = field(default_factory=FrozenDict, hash=False)


NO_NEEDS = Needs()
NOBODY = "no expert is expected to do well"


@dataclass(frozen=True, slots=True)
class Grounds:
    """Everything that `decide` was given; `query` is None for one that no router has seen.

    `tokens` are those of the untrimmable part as experts count them, by their names; of all others
    it has `input_tokens`. `needs` are the capabilities that the request needs.
    """

    candidates: Sequence[Candidate]
    constraints: Constraints
    rule: Rule
    input_tokens: int
    doubts: Mapping[str, Reason] = field(default_factory=dict)
    query: RoutedQuery | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)
    needs: Needs = NO_NEEDS


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers, and why.

    `wanted` is the expert that would answer if none were ruled out; where it is not `expert`,
    `reason` is why it was ruled out. `fallbacks` are asked in order if `expert` is unavailable.
    `gain` is the expected gain in quality that decided, `min_gain` what the operating point asks
    for there: its price, times what the one expense is above the other. Experts that are expected
    below `least_quality` (0..1) do not do well by that point. Under a `preference` no operating
    point counts (its name is ""): `gain` is then the one over the next best expert, and `min_gain`
    is 0. `propensity` is the probability with which this expert was to be asked, below 1 only
    where exploration had a choice. `needs_tools` is the probability that the query needs live data
    or a device, None where the artifact does not tell. `grounds` is what all this follows from; it
    takes no part in comparisons, is not printed, and stays behind when the decision is pickled.
    Raises ConfigError for a field that is not what its name says.
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
    least_quality: float = 0.0
    needs_tools: float | None = None
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
            and type(self.least_quality) is float
            and 0.0 <= self.propensity <= 1.0
            and 0.0 <= self.least_quality <= 1.0
            and (
                self.needs_tools is None
                or (type(self.needs_tools) is float and 0.0 <= self.needs_tools <= 1.0)
            )
            and (self.preference is None or type(self.preference) is str)
            and (self.grounds is None or type(self.grounds) is Grounds)
        ):
            settle(self, DECISION_CHECKS, "Decision")

    def __reduce__(self) -> tuple[Any, ...]:
        stated = {one.name: getattr(self, one.name) for one in fields(self)}
        return _decision, (stated | {"grounds": None},)

    def __deepcopy__(self, _: dict[int, Any]) -> Decision:
        """With the same grounds: they are frozen."""
        return replace(self, estimates=dict(self.estimates), excluded=dict(self.excluded))

    @property
    def order(self) -> tuple[str, ...]:
        """The experts to ask, one after another until one answers."""
        return (self.expert, *self.fallbacks)

    @property
    def words(self) -> str:
        """The reason in one clause, and whether no expert is expected to do well."""
        return self._why() + (f"; {NOBODY}" if self.nobody_does_well else "")

    @property
    def nobody_does_well(self) -> bool:
        """Whether every expert is expected below `least_quality`."""
        return all(one.quality < self.least_quality for one in self.estimates.values())

    def _why(self) -> str:
        if self.wanted != self.expert:
            return f"{self.wanted} was wanted{self._instead()}"
        if self.reason in STATED:
            return STATED[self.reason]
        if self.reason is Reason.GAIN_IS_WORTH_IT:
            return f"expected gain {self.gain:+.0%}, worth it from {self.min_gain:+.0%}"
        if len(self.estimates) == 1:
            return "the only expert there is"
        if self.reason in PREFERRED:
            return f"{PREFERRED[self.reason]}: {self._compared()}"
        return self._by_quality()

    def _by_quality(self) -> str:
        """Why a cheaper expert is not enough, or why it is; or why no other expert is."""
        if self.reason is Reason.SAME_EXPERT:
            return (
                f"it has read this conversation: switching gains {self.gain:+.1%}, not more than "
                f"the {self.min_gain:.1%} that reading it anew is worth"
            )
        if self.reason is Reason.LEAST_QUALITY:
            expected = self.estimates[self.expert].quality
            return (
                "a cheaper expert is expected to do well less often than "
                f"{self.least_quality:.0%} of the time, this one {expected:.0%}"
            )
        gains = f"{self.gain:+.0%}" if self.gain > 0 else "nothing"
        return f"good enough: asking a dearer expert gains {gains} (< {self.min_gain:+.0%})"

    def _instead(self) -> str:
        """Why the wanted expert is not asked."""
        if self.reason is Reason.EXPLORATION:
            return f"; {self.expert} is asked to learn from its answer"
        return f", but {RULED_OUT[self.reason]}"

    def to_json(self) -> dict[str, Any]:
        """Every field but `grounds`, and `words`; costs in dollars, times in seconds."""
        written_out = replace(self, estimates=dict(self.estimates), grounds=None)
        content = asdict(written_out)
        del content["grounds"]
        return content | {"words": self.words}

    def _compared(self) -> str:
        """What is expected of the chosen expert, and of the next one."""
        clauses = [self.estimates[self.expert].words]
        clauses += [f"{name} {self.estimates[name].words}" for name in self.fallbacks[:1]]
        return ", next ".join(clauses)


def _decision(stated: dict[str, Any]) -> Decision:
    """Restore a decision that crossed a process boundary."""
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
    "least_quality": number(0.0, 1.0),
    "needs_tools": optional(number(0.0, 1.0)),
    "grounds": optional(instance(Grounds)),
}


@dataclass(frozen=True, slots=True)
class Stay:
    """The expert that answered the turns before, and the dollars that it takes to read them anew
    once the conversation has left it."""

    expert: str
    lost_usd: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`states` by expert, those without one are as their settings say; `doubts` are reasons not to
    ask an expert as long as somebody else may answer. `tokens` are those of the request's system
    messages and last turn, as the experts count them whose tokenizer is at hand. `withheld` are
    experts that may not read this request, each with the reason, which holds whoever else may.
    `stay` is the expert of the conversation so far, where that counts (setting `affinity`)."""

    states: Mapping[str, ExpertState] = field(default_factory=dict)
    doubts: Mapping[str, Reason] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    withheld: Mapping[str, Reason] = field(default_factory=dict)
    stay: Stay | None = None

    def state(self, expert: str) -> ExpertState:
        """What is known of an expert, by its name."""
        return self.states.get(expert, AS_STATED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a rule chose as it did: a stable code, the expected gain in quality that decided, and
    the least gain that was asked for."""

    reason: Reason
    gain: float
    min_gain: float


class Weighed(Protocol):
    """All candidates of a query as a rule compares them, also those that are ruled out.

    The methods take the places (usable,) of the experts that may answer, at least one.
    """

    def best(self, among: Places) -> int:
        """The place of the expert to ask."""
        ...

    def order(self, among: Places) -> Places:
        """The places (usable,), best first: who is asked when the others do not answer."""
        ...

    def verdict(self, among: Places, place: int) -> Verdict:
        """Why the rule chose the expert at `place` from those `among`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A `Weighed` given by its `ranking`: the places of all candidates (experts,), best first,
    also of those that are ruled out."""

    ranking: Places

    def best(self, among: Places) -> int:
        return int(_among(self.ranking, among)[0])

    def order(self, among: Places) -> Places:
        return _among(self.ranking, among)


def _among(ranking: Places, among: Places) -> Places:
    """Those of `ranking` that are in `among`, in its order."""
    if len(among) == len(ranking):
        return ranking
    kept = np.zeros(len(ranking), dtype=np.bool_)
    kept[among] = True
    return ranking[kept[ranking]]


class Rule(Protocol):
    """How to choose among candidates: `price_rule.PriceRule`, `topsis.PreferenceRule`."""

    @property
    def operating_point(self) -> str:
        """The name of the operating point, "" for a rule that has none."""
        ...

    @property
    def least_quality(self) -> float:
        """Below this an expert is not expected to do well, 0 for a rule that has no such floor."""
        ...

    @property
    def preference(self) -> str | None:
        """The preference as the user states it, None for a rule that is none."""
        ...

    def weigh(self, candidates: Candidates) -> Weighed:
        """What the rule makes of the candidates, of which there is at least one."""
        ...
