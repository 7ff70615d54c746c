"""Who answers: a pure function of estimates, constraints and the operating point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from .calibration import OperatingPoint
from .candidates import Candidate, Candidates, Floats, Places, Traits
from .constraints import Constraints, Placement, require_constraints
from .decision import PREFERRED, RULED_OUT, Decision, Reason
from .errors import NoExpertFits
from .experts import Location
from .frozen import FrozenDict
from .grounds import Grounds, RoutedQuery

__all__ = [
    "PREFERRED",
    "RULED_OUT",
    "Candidate",
    "Constraints",
    "Decision",
    "GainRule",
    "Placement",
    "Reason",
    "Rule",
    "Verdict",
    "decide",
    "require_constraints",
]


NOTHING: FrozenDict[str, Any] = FrozenDict()


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
