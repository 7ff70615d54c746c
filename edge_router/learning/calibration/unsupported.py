"""What to say where the data cannot support a target: how many more queries would, and what they
do support."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from edge_router.errors import TargetsConflict, TargetUnsupported
from edge_router.routing.arrays import Float64s

from .bounds import rows_for_mean, rows_for_share
from .evidence import Evidence
from .risk_control import Risk, control, from_end, most_usd, risks, searches, useful
from .targets import Quantity, Target

__all__ = ["refusal", "rows_needed"]

MOST = 100_000  # queries; a larger number is no advice
STEPS = 200  # between a target and the loosest one that is looked at


def refusal(
    evidence: Evidence,
    targets: Sequence[Target],
    *,
    confidence: float,
    max_cost_usd: float | None = None,
) -> TargetsConflict | TargetUnsupported:
    """Why `control` found no price for `targets`."""

    def supports(others: Sequence[Target], rows: Evidence = evidence) -> bool:
        price = control(rows, others, confidence=confidence, max_cost_usd=max_cost_usd)
        return price is not None

    asked = risks(targets, evidence, max_cost_usd=max_cost_usd)
    asked_for = ", ".join(map(str, targets))
    loosest = {str(t): _loosest(t, evidence, max_cost_usd) for t in targets}
    best = {str(t): _best(t, targets, loosest[str(t)], supports) for t in targets}
    nearest = "; ".join(_nearest(target, best[str(target)], targets) for target in targets)
    if _conflict(asked, evidence.turns):
        return TargetsConflict(
            f"no price meets {asked_for} together, not even on these {len(evidence):,} queries "
            f"themselves; {nearest}"
        )
    needed = rows_needed(asked, evidence.turns, delta=1 - confidence)
    if needed is not None and needed <= len(evidence):  # these are unlucky ones
        needed = _doubled(evidence, lambda more: supports(targets, more))
    return TargetUnsupported(
        f"{len(evidence):,} queries do not support {asked_for} with {confidence:.4g} confidence; "
        f"{_advice(needed, len(evidence))}; {nearest}",
        needed=needed,
        best={target: None if bound is None else str(bound) for target, bound in best.items()},
    )


def _doubled(evidence: Evidence, supports: Callable[[Evidence], bool]) -> int | None:
    """How many queries support it when the same ones come twice, four times, and so on."""
    while 2 * len(evidence) <= MOST:
        evidence = evidence.twice()
        if supports(evidence):
            return len(evidence)
    return None


def _conflict(asked: Sequence[Risk], turns: Float64s) -> bool:
    """Whether each target is met somewhere on the queries themselves, but never all at once."""
    met = [risk.means(turns) <= risk.level for risk in asked]
    return all(each.any() for each in met) and not reduce(np.logical_and, met).any()


def _advice(needed: int | None, rows: int) -> str:
    if needed is None:
        return f"{MOST:,} queries like them would not either"
    return f"about {max(1, needed - rows):,} more queries like them would ({needed:,} in all)"


def _nearest(target: Target, best: Target | None, targets: Sequence[Target]) -> str:
    others = ", the rest as it is," if len(targets) > 1 else ""
    if best is None:
        return f"no bound of {target.quantity}{others} is supported"
    return f"the best supported{others} is {best}"


def _loosest(target: Target, evidence: Evidence, max_cost_usd: float | None) -> float:
    """A bound that asks for nothing, or nearly so."""
    if target.quantity is Quantity.COST:
        return most_usd(evidence, max_cost_usd)
    if target.quantity is Quantity.P95_LATENCY:
        return float(max(evidence.weak.latency_s.max(), evidence.strong.latency_s.max()))
    return 0.0 if target.quantity is Quantity.QUALITY else 1.0


def _best(
    target: Target,
    targets: Sequence[Target],
    loosest: float,
    supports: Callable[[Sequence[Target]], bool],
) -> Target | None:
    """The strictest bound of `target` that is supported while the others stay, to 1/200 of the way
    to the loosest one."""
    bounds = np.linspace(target.bound, loosest, STEPS + 1)[1:-1]
    tried = [replace(target, bound=_rounded(target, bound)) for bound in bounds.tolist()]
    low, high = 0, len(tried)
    while low < high:
        middle = (low + high) // 2
        if supports([tried[middle] if other is target else other for other in targets]):
            high = middle
        else:
            low = middle + 1
    return tried[low] if low < len(tried) else None


def _rounded(target: Target, bound: float) -> float:
    """Three digits, towards the loose side."""
    step = 10.0 ** (np.floor(np.log10(bound)) - 2)
    whole = np.floor(bound / step) if target.quantity is Quantity.QUALITY else np.ceil(bound / step)
    return float(f"{whole * step:.3g}")


def rows_needed(asked: Sequence[Risk], turns: Float64s, *, delta: float) -> int | None:
    """About how many queries like these would support the targets; None where no number would.

    From the bounds, with the means and variances of the queries at hand: a price needs as many
    as the most demanding one on the way of its sequence.
    """
    groups = searches(asked)
    share = delta / sum(len(ends) for _, ends in groups)
    needed = [
        reduce(
            np.minimum,
            [from_end(np.maximum.accumulate, _rows(group, turns, share), end) for end in ends],
        )
        for group, ends in groups
    ]
    rows = reduce(np.maximum, needed)[useful([risk.target for risk in asked], turns)]
    least = float(rows.min()) if len(rows) else np.inf
    return int(least) if least <= MOST else None


def _rows(group: Sequence[Risk], turns: Float64s, delta: float) -> Float64s:
    """(prices,) for all risks of a group."""
    return reduce(np.maximum, [_rows_of(risk, turns, delta) for risk in group])


def _rows_of(risk: Risk, turns: Float64s, delta: float) -> Float64s:
    means = risk.means(turns)
    if risk.counted:
        return rows_for_share(means, level=risk.level, delta=delta)
    return rows_for_mean(
        means, risk.variances(turns), level=risk.level, ceiling=risk.ceiling, delta=delta
    )
