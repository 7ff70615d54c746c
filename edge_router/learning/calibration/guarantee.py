"""An operating point that keeps its targets, with what it rests on and what it promises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from edge_router.errors import ConfigError, TargetUnsupported
from edge_router.guards.checks import MOST
from edge_router.routing.arrays import Bools, Float64s
from edge_router.settings.dollars import dollars

from .bounds import binomial_interval, mean_is_below
from .evidence import Evidence
from .risk_control import control, most_usd, shuffled
from .targets import Quantity, Target
from .unsupported import refusal

__all__ = ["Measured", "Promise", "calibrate", "quality_interval", "sentence"]

SHARES: Float64s = np.linspace(0.0, 1.25, 1251)  # of the strong expert's mean score
DEARER_SHARE = 0.01  # of the traffic that may cost more than the dearest query seen
BOUND_USED = {
    Quantity.QUALITY: "betting (Waudby-Smith & Ramdas 2024)",
    Quantity.COST: "betting (Waudby-Smith & Ramdas 2024)",
    Quantity.STRONG_CALLS: "exact binomial",
    Quantity.P95_LATENCY: "exact binomial",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A value on the queries at hand. `low` and `high` are its limits, each of them right with the
    stated confidence, for this price by itself; `high` is None where nothing limits it."""

    value: float
    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Promise:
    """Targets that a price keeps, each with probability `confidence` or more over the draw of
    the queries, and all of them together.

    `quality` is the share of the strong expert's mean score, `cost_usd` per query (None where
    prices are not known), `p95_latency_s` the 95th percentile; the last two without limits.
    `most_usd` is the most that one query is taken to cost where cost is a target.
    """

    price: float
    targets: tuple[Target, ...]
    confidence: float
    queries: int
    strong_calls: Measured
    quality: Measured
    cost_usd: float | None
    p95_latency_s: float
    most_usd: float | None

    @property
    def bounds_used(self) -> dict[str, str]:
        """Which bound proves each target."""
        return {str(target): BOUND_USED[target.quantity] for target in self.targets}


def calibrate(
    evidence: Evidence,
    targets: Sequence[Target],
    *,
    confidence: float = 0.95,
    max_cost_usd: float | None = None,
) -> Promise:
    """The operating point for `targets`; see `risk_control.control` for which one it is.

    `max_cost_usd` is the most that one query can cost; without it, twice the dearest one seen, and
    a target on cost then needs enough queries that few can be dearer than those (299 at 0.95).
    Raises TargetsConflict, TargetUnsupported, OutcomesUnusable, and ConfigError for a `confidence`
    or a `max_cost_usd` that is none.
    """
    _require_number("confidence", confidence, 0.5, 1)
    if max_cost_usd is not None:
        _require_number("max_cost_usd", max_cost_usd, 0, MOST)
    on_cost = any(target.quantity is Quantity.COST for target in targets)
    if on_cost and max_cost_usd is None:
        _require_dearest_seen(len(evidence), confidence)
    price = control(evidence, targets, confidence=confidence, max_cost_usd=max_cost_usd)
    if price is None:
        raise refusal(evidence, targets, confidence=confidence, max_cost_usd=max_cost_usd)
    weak, strong = evidence.weak, evidence.strong
    costs = (
        None
        if weak.cost_usd is None or strong.cost_usd is None
        else float(evidence.routed(weak.cost_usd, strong.cost_usd, price).mean())
    )
    return Promise(
        price=price,
        targets=tuple(targets),
        confidence=confidence,
        queries=len(evidence),
        strong_calls=_strong_calls(evidence, price, 1 - confidence),
        quality=quality_interval(evidence, price, delta=1 - confidence),
        cost_usd=costs,
        p95_latency_s=float(
            np.quantile(evidence.routed(weak.latency_s, strong.latency_s, price), 0.95)
        ),
        most_usd=most_usd(evidence, max_cost_usd) if on_cost else None,
    )


def _require_number(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value < high:
        raise ConfigError(f"{name} is {value!r:.60}; it must lie in {low:g}..{high:g}")


def _require_dearest_seen(queries: int, confidence: float) -> None:
    """Nobody states the most that a query can cost, so the dearest one seen must speak for it.

    Of n queries the dearest is dearer than all but a share s of the traffic with probability
    1 - (1 - s)^n or more, whatever costs are like (Wilks 1941). Raises TargetUnsupported.
    """
    needed = math.ceil(math.log(1 - confidence) / math.log(1 - DEARER_SHARE))
    if queries < needed:
        raise TargetUnsupported(
            f"a promise on cost rests on the most that one query can cost: state max_cost_usd, or "
            f"give {needed:,} queries, so that with {confidence:.4g} confidence at most "
            f"{DEARER_SHARE:.0%} of the traffic is dearer than any of them; there are {queries:,}",
            needed=needed,
            best={},
        )


def _strong_calls(evidence: Evidence, price: float, delta: float) -> Measured:
    nobody, everybody = np.zeros(len(evidence)), np.ones(len(evidence))
    calls = int(evidence.routed(nobody, everybody, price).sum())
    return Measured(calls / len(evidence), *binomial_interval(calls, len(evidence), 2 * delta))


def quality_interval(evidence: Evidence, price: float, *, delta: float) -> Measured:
    """The share of the strong expert's mean score that is kept, to a thousandth.

    Its limits are where the betting test no longer refutes, at `delta` each, that less or that
    more is kept.
    """
    strong = evidence.strong.scores
    routed = evidence.routed(evidence.weak.scores, strong, price)
    least = _refuted(strong, routed, 1.0, SHARES, delta)
    most = _refuted(strong, routed, -1.0, 1.0, delta)[::-1]
    kept = routed.sum() / strong.sum() if strong.sum() else 1.0
    return Measured(float(kept), _end(least, SHARES) or 0.0, _end(most, SHARES[::-1]))


def _refuted(
    strong: Float64s, routed: Float64s, sign: float, ceiling: float | Float64s, delta: float
) -> Bools:
    """(shares,) for which "less is kept than this" (sign 1) or "more" (sign -1) is refuted."""
    order = shuffled(len(strong))
    losses = (
        sign * (SHARES * due - got)
        for due, got in zip(strong[order].tolist(), routed[order].tolist(), strict=True)
    )
    return mean_is_below(losses, len(order), level=0.0, ceiling=ceiling, delta=delta)


def _end(refuted: Bools, shares: Float64s) -> float | None:
    """The last share of the run of refuted ones, None where there is none."""
    run = int(np.logical_and.accumulate(refuted).sum())
    return round(float(shares[run - 1]), 3) if run else None


def sentence(promise: Promise, evidence: Evidence, *, weak: str, strong: str) -> str:
    """What is promised, on which traffic, with what confidence, in one sentence."""
    kept = " and ".join(target.words.format(strong=strong) for target in promise.targets)
    where = ", ".join(
        f"{count:,} of {table}"
        for table, count in sorted(evidence.tables.items(), key=lambda item: -item[1])
    )
    return (
        f"Routing between {weak} and {strong} {kept}, on queries like the {promise.queries:,} it "
        f"was calibrated on ({where}), with {promise.confidence * 100:.4g} % confidence over their "
        f"draw{_assumed(promise, evidence)}."
    )


def _assumed(promise: Promise, evidence: Evidence) -> str:
    """What the promise takes for given."""
    conditions, estimates = [], []
    if evidence.stand_ins:
        conditions.append("both answer like the known models of their profiles")
    if promise.most_usd is not None:
        conditions.append(f"no query costs more than {dollars(promise.most_usd, digits=3)}")
        if not evidence.costs_measured:
            estimates.append("costs are estimates from prices and expected answer lengths")
    on_latency = any(target.quantity is Quantity.P95_LATENCY for target in promise.targets)
    if on_latency and not evidence.latencies_measured:
        estimates.append("latencies are estimates from speeds and expected answer lengths")
    if evidence.for_cheapest:
        estimates.append(
            "nothing is promised of queries that need live data or a device, "
            f"{evidence.for_cheapest:,} more of these, which the cheapest expert answers"
        )
    given = f", if {' and '.join(conditions)}" if conditions else ""
    return "; ".join([given, *estimates])
