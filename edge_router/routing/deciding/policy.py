"""Who answers: a pure function of estimates, constraints and the operating point."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edge_router.errors import NoExpertFits
from edge_router.guards.checks import FrozenDict
from edge_router.settings.constraints import Constraints, Placement

from ..arrays import Bools, Float64s, Places
from ..artifact.representation import RoutedQuery
from ..experts.panel import Candidate, Candidates, Traits
from .decision import NO_NEEDS, Decision, Grounds, Needs, Rule, Verdict, Weighed
from .reason import LACKS, RULED_OUT, Reason

__all__ = ["decide", "decide_again"]


NOTHING: FrozenDict[str, Any] = FrozenDict()


def decide(
    candidates: Sequence[Candidate],
    *,
    constraints: Constraints,
    rule: Rule,
    input_tokens: int,
    doubts: Mapping[str, Reason] = NOTHING,
    tokens: Mapping[str, int] = NOTHING,
    query: RoutedQuery | None = None,
    absent: Collection[str] = (),
    needs: Needs = NO_NEEDS,
) -> Decision:
    """Choose one of `candidates` for a query.

    `input_tokens` estimates the length of the part that no context may drop; `tokens` has the
    counts of the experts that count it themselves, by name. Constraints rule experts out first, and
    so does what the request `needs`. `doubts` (expert to reason) then rule out more, as long as
    another expert may answer: they come from the state of the device, which is no promise. Of the
    rest `rule` chooses, with all candidates in sight. Experts that are `absent` are neither asked
    nor wanted, only compared with. Raises NoExpertFits when every expert is ruled out.
    """
    everyone = Candidates.of(candidates)
    names = everyone.names
    lengths = _lengths(everyone, input_tokens, tokens) if tokens else input_tokens
    excluded = _excluded(everyone, constraints, lengths, doubts, needs)
    if absent:
        excluded = {name: reason for name, reason in excluded.items() if name not in absent}
    present = _places(names, absent)
    usable = _places(names, {*absent, *excluded}) if excluded else present
    if not len(usable):
        reasons = ", ".join(f"{name} ({RULED_OUT[reason]})" for name, reason in excluded.items())
        raise NoExpertFits(f"no expert may answer: {reasons}", excluded=excluded)
    weighed = rule.weigh(everyone)
    wanted = _choose(weighed, everyone.traits, present, constraints)
    chosen = _choose(weighed, everyone.traits, usable, constraints) if excluded else wanted
    compared = present
    if names[wanted] not in (names[chosen], *excluded):
        wanted, compared = chosen, usable  # the experts before it are ruled out
    verdict = weighed.verdict(compared, wanted)
    order = [names[place] for place in weighed.order(usable).tolist() if place != chosen]
    return Decision(
        expert=names[chosen],
        location=everyone.traits.experts[chosen].location,
        reason=(
            _reason(everyone.traits, chosen, verdict, constraints)
            if chosen == wanted
            else excluded[names[wanted]]
        ),
        wanted=names[wanted],
        fallbacks=tuple(order),
        estimates=everyone.estimates,
        excluded=excluded,
        operating_point=rule.operating_point,
        gain=verdict.gain,
        min_gain=verdict.min_gain,
        preference=rule.preference,
        least_quality=rule.least_quality,
        needs_tools=query.needs_tools if query else None,
        grounds=Grounds(everyone, constraints, rule, input_tokens, doubts, query, tokens, needs),
    )


def _lengths(candidates: Candidates, input_tokens: int, tokens: Mapping[str, int]) -> Float64s:
    """How many tokens each expert would have to read (experts,)."""
    counts = [tokens.get(name, input_tokens) for name in candidates.names]
    return np.array(counts, dtype=np.float64)


def _places(names: Sequence[str], without: Collection[str]) -> Places:
    """The places of all candidates but those `without`."""
    if not without:
        return np.arange(len(names))
    left = [place for place, name in enumerate(names) if name not in without]
    return np.array(left, dtype=np.intp)


def _excluded(
    candidates: Candidates,
    constraints: Constraints,
    lengths: Float64s | int,
    doubts: Mapping[str, Reason],
    needs: Needs,
) -> dict[str, Reason]:
    reasons: dict[int, Reason] = {}
    for reason, column in _ruled_out(candidates, constraints, lengths, needs):
        for place in column.nonzero()[0].tolist():
            reasons.setdefault(place, reason)
    if not reasons and not doubts:
        return {}
    names = candidates.names
    excluded = {names[place]: reasons[place] for place in sorted(reasons)}
    doubted = {name: doubts[name] for name in names if name in doubts and name not in excluded}
    others_left = len(excluded) + len(doubted) < len(names)
    return excluded | (doubted if others_left else {})


def _ruled_out(
    candidates: Candidates, constraints: Constraints, lengths: Float64s | int, needs: Needs
) -> Iterator[tuple[Reason, Bools]]:
    """Each reason with the candidates (experts,) that it rules out, the most telling reason
    first."""
    traits, placement = candidates.traits, constraints.placement
    yield Reason.NOT_CONFIGURED, traits.not_configured
    if placement == Placement.ONLY_ON_DEVICE:
        yield Reason.ONLY_ON_DEVICE, traits.leaves_device
    if placement == Placement.ONLY_ON_LAN:
        yield Reason.ONLY_ON_LAN, traits.in_cloud
    if placement == Placement.ONLY_IN_CLOUD:
        yield Reason.ONLY_IN_CLOUD, ~traits.in_cloud
    if constraints.offline:
        yield Reason.OFFLINE, traits.leaves_device
    if needs.withheld:
        for reason in dict.fromkeys(needs.withheld.values()):
            closed = [needs.withheld.get(name) == reason for name in candidates.names]
            yield reason, np.array(closed, dtype=np.bool_)
    if needs is not NO_NEEDS:
        yield from _incapable(traits, constraints, needs)
    yield Reason.CONTEXT_LENGTH, lengths >= traits.context_tokens
    if constraints.max_latency_s is not None:  # so that what is no number is beyond a limit
        yield Reason.MAX_LATENCY, ~(candidates.latency_s <= constraints.max_latency_s)
    yield from _too_dear(candidates.cost_usd, constraints)


def _incapable(
    traits: Traits, constraints: Constraints, needs: Needs
) -> Iterator[tuple[Reason, Bools]]:
    """Experts that lack a capability, and all where none may fetch what the request points to."""
    for capability in sorted(needs.capabilities):
        yield LACKS[capability], traits.lacking(capability)
    if needs.remote_parts and constraints.own_machines_only:
        yield Reason.REMOTE_PART, np.ones(len(traits.names), dtype=np.bool_)


def _too_dear(costs: Float64s, constraints: Constraints) -> Iterator[tuple[Reason, Bools]]:
    limit, budget = constraints.max_cost_usd, constraints.budget_left_usd
    if limit is not None or budget is not None:
        yield Reason.PRICE_UNKNOWN, np.isnan(costs)
    if limit is not None:
        yield Reason.MAX_COST, costs > limit
    if budget is not None:
        yield Reason.BUDGET, costs > budget


def _choose(weighed: Weighed, traits: Traits, among: Places, constraints: Constraints) -> int:
    """The place of the expert to ask: the rule's best, or its best in the cloud where the cloud
    is preferred."""
    if constraints.placement == Placement.PREFER_IN_CLOUD:
        for in_cloud in (traits.in_cloud & ~traits.not_configured, traits.in_cloud):
            if (there := in_cloud[among]).any():
                return weighed.best(among[there])
    return weighed.best(among)


def _reason(traits: Traits, chosen: int, verdict: Verdict, constraints: Constraints) -> Reason:
    if traits.in_cloud[chosen] and constraints.placement == Placement.PREFER_IN_CLOUD:
        return Reason.PREFERRED_IN_CLOUD
    return verdict.reason


def decide_again(grounds: Grounds, *, absent: Collection[str] = ()) -> Decision:
    """The decision that follows from `grounds`, without those `absent`. Raises NoExpertFits."""
    return decide(
        grounds.candidates,
        constraints=grounds.constraints,
        rule=grounds.rule,
        input_tokens=grounds.input_tokens,
        doubts=grounds.doubts,
        tokens=grounds.tokens,
        query=grounds.query,
        absent=absent,
        needs=grounds.needs,
    )
