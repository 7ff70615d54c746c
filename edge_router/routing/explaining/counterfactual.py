"""Find what would have changed a decision: decide again, one setting after another changed as
little as it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from edge_router.errors import NoExpertFits
from edge_router.settings.constraints import Placement

from ..deciding.decision import Grounds, Rule
from ..deciding.policy import decide_again
from ..deciding.price_rule import CheapestRule, PriceRule
from ..deciding.reason import Reason
from ..deciding.topsis import PreferenceRule
from ..experts.panel import Candidate
from .change import (
    Change,
    ConfiguredStep,
    ConstraintStep,
    CostStep,
    DoubtStep,
    GainStep,
    LengthStep,
    PreferenceStep,
    Step,
    ToolsStep,
)
from .turning import Turn, turns

__all__ = ["apply", "changes"]


DIGITS = (2, 3, 6, 17)  # numbers are stated with as few as it takes; 17 are exact
PREFERENCES = ("performance", "cost", "auto")
TOO_DEAR = (Reason.MAX_COST, Reason.BUDGET)
LIMITS = {
    Reason.MAX_COST: "max_cost_usd",
    Reason.BUDGET: "budget_left_usd",
    Reason.MAX_LATENCY: "max_latency_s",
}


def changes(grounds: Grounds) -> tuple[Change, ...]:
    """For every expert that does not answer, the least that would make it; fewest steps first.

    Where price is what rules it out there are two: a higher limit, and a lower price. Each one
    was tried. An expert that no single number and no named preference can bring to answer is left
    out.
    """
    chosen = decide_again(grounds).expert
    by_words = {
        change.words: change
        for candidate in grounds.candidates
        if candidate.expert.name != chosen
        for change in _ways(grounds, candidate.expert.name)
    }
    return tuple(sorted(by_words.values(), key=lambda change: len(change.steps)))


def apply(grounds: Grounds, step: Step) -> Grounds:
    """The grounds with one step taken."""
    match step:
        case ConstraintStep(setting, _, becomes):
            constraint: dict[str, Any] = {setting: becomes}
            return replace(grounds, constraints=replace(grounds.constraints, **constraint))
        case GainStep() | ToolsStep() | PreferenceStep():
            return replace(grounds, rule=_ruled(grounds.rule, step))
        case LengthStep(_, most):
            tokens = {name: min(count, most) for name, count in grounds.tokens.items()}
            return replace(grounds, input_tokens=min(grounds.input_tokens, most), tokens=tokens)
        case DoubtStep(expert):
            left = {name: why for name, why in grounds.doubts.items() if name != expert}
            return replace(grounds, doubts=left)
        case ConfiguredStep() | CostStep():
            candidates = [_altered(candidate, step) for candidate in grounds.candidates]
            return replace(grounds, candidates=tuple(candidates))


def _ruled(rule: Rule, step: GainStep | ToolsStep | PreferenceStep) -> Rule:
    match step:
        case GainStep(_, price):
            return _priced(rule, price)
        case PreferenceStep(_, preference):
            return PreferenceRule.of(preference)
        case ToolsStep():
            return _usual(rule)


def _usual(rule: Rule) -> Rule:
    """The rule for a query that a model can answer."""
    return rule.usual if isinstance(rule, CheapestRule) else rule


def _priced(rule: Rule, price: float) -> PriceRule:
    """The rule of another price."""
    usual = _usual(rule)
    return PriceRule.of_price(price, usual.usd_per_second if isinstance(usual, PriceRule) else 0.0)


def _altered(candidate: Candidate, step: ConfiguredStep | CostStep) -> Candidate:
    if candidate.expert.name != step.expert:
        return candidate
    if isinstance(step, ConfiguredStep):
        return replace(candidate, configured=True)
    return replace(candidate, estimate=replace(candidate.estimate, cost_usd=step.becomes))


def _ways(grounds: Grounds, name: str) -> Iterator[Change]:
    for by_price in (False, True):
        tries = (_change(grounds, name, digits, by_price=by_price) for digits in DIGITS)
        if change := next(filter(None, tries), None):
            yield change


def _change(grounds: Grounds, name: str, digits: int, *, by_price: bool) -> Change | None:
    """First what rules it out is loosened, then, if it still is not chosen, what the rule asks."""
    steps: list[Step] = []
    while (reason := _excluded(grounds).get(name)) is not None:
        step = _loosened(grounds, name, reason, digits, by_price=by_price)
        if step is None:
            return None
        steps.append(step)
        grounds = apply(grounds, step)
    if not _answers(grounds, name) and isinstance(grounds.rule, CheapestRule):
        steps.append(ToolsStep())
        grounds = apply(grounds, steps[-1])
    if _answers(grounds, name):
        return Change(name, tuple(steps))
    if grounds.constraints.placement == Placement.PREFER_IN_CLOUD:
        steps.append(_preferring_device(grounds))
        grounds = apply(grounds, steps[-1])
    if not _answers(grounds, name):
        turn = _other_rule(grounds, name, digits)
        if turn is None:
            return None
        steps.append(turn)
    return Change(name, tuple(steps))


def _excluded(grounds: Grounds) -> Mapping[str, str]:
    try:
        return decide_again(grounds).excluded
    except NoExpertFits as error:
        return error.excluded


def _answers(grounds: Grounds, name: str) -> bool:
    return decide_again(grounds).expert == name


def _loosened(
    grounds: Grounds, name: str, reason: str, digits: int, *, by_price: bool
) -> Step | None:
    """The least that takes `reason` away from an expert; None where nothing does."""
    if name not in _excluded(replace(grounds, doubts={})):
        return DoubtStep(name, Reason(reason))
    (candidate,) = [c for c in grounds.candidates if c.expert.name == name]
    if reason == Reason.PRICE_UNKNOWN or (by_price and reason in TOO_DEAR):
        stated = (grounds.constraints.max_cost_usd, grounds.constraints.budget_left_usd)
        lowest = min(limit for limit in stated if limit is not None)
        return CostStep(name, candidate.estimate.cost_usd, lowest)
    if reason in LIMITS:
        return _raised(grounds, candidate, Reason(reason), digits)
    return _lifted(grounds, candidate, reason)


def _lifted(grounds: Grounds, candidate: Candidate, reason: str) -> Step | None:
    """The step that takes away a reason which is no limit in numbers; None where nothing does."""
    match reason:
        case Reason.ONLY_ON_DEVICE | Reason.ONLY_ON_LAN | Reason.ONLY_IN_CLOUD:
            return _preferring_device(grounds)
        case Reason.OFFLINE:
            return ConstraintStep("offline", True, False)
        case Reason.NOT_CONFIGURED:
            return ConfiguredStep(candidate.expert.name)
        case Reason.CONTEXT_LENGTH:
            read = grounds.tokens.get(candidate.expert.name, grounds.input_tokens)
            return LengthStep(read, (candidate.expert.context_tokens or 0) - 1)
    return None


def _preferring_device(grounds: Grounds) -> Step:
    return ConstraintStep("placement", grounds.constraints.placement, Placement.PREFER_ON_DEVICE)


def _raised(grounds: Grounds, candidate: Candidate, reason: Reason, digits: int) -> Step:
    """A limit as high as this expert needs it."""
    estimate, setting = candidate.estimate, LIMITS[reason]
    needed = estimate.latency_s if reason is Reason.MAX_LATENCY else estimate.cost_usd or 0.0
    was = getattr(grounds.constraints, setting)
    return ConstraintStep(setting, was, _rounded_up(needed, digits))


def _rounded_up(value: float, digits: int) -> float:
    """At least `value`, with so many significant digits."""
    if value <= 0 or digits > 15:
        return value
    decimals = digits - 1 - math.floor(math.log10(value))
    shown = round(value, decimals)
    return shown if shown >= value else round(shown + 10.0**-decimals, decimals)


def _other_rule(grounds: Grounds, name: str, digits: int) -> Step | None:
    """Another preference where one decides, else another price, at which `name` answers."""
    if (preference := grounds.rule.preference) is not None:
        steps = (PreferenceStep(preference, other) for other in PREFERENCES)
        return next((step for step in steps if _answers(apply(grounds, step), name)), None)
    assert isinstance(grounds.rule, PriceRule)
    now = round(grounds.rule.point.price, 4)
    price = _nearest_price(grounds, name, now, digits)
    return None if price is None else GainStep(now, price)


def _nearest_price(grounds: Grounds, name: str, now: float, digits: int) -> float | None:
    """The price nearest to the one that counts now at which `name` answers."""
    rule = _priced(grounds.rule, now)
    spans = turns(decide_again(replace(grounds, rule=rule)), rule)
    working = [
        price
        for span in spans
        if span.expert == name
        for price in _ends(span, digits)
        if -1 <= price <= 1 and _answers(apply(grounds, GainStep(now, price)), name)
    ]
    return min(working, key=lambda price: abs(price - now), default=None)


def _ends(span: Turn, digits: int) -> Iterator[float]:
    """Prices around both ends of a span, where alone a decision can turn."""
    for end in (span.above, span.up_to):
        if end is None or abs(end) > 2:  # no price lies there
            continue
        if digits > 15:
            yield from (end, math.nextafter(end, -2), math.nextafter(end, 2))
        else:
            unit = 10.0**-digits
            below = math.floor(end / unit)
            yield from (round(step * unit, digits) for step in (below, below + 1))
