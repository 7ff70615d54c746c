"""What a user asks of the router, in the user's own units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from numbers import Real

from edge_router.errors import InvalidTarget, TargetsConflict
from edge_router.guards.checks import MOST

__all__ = ["Quantity", "Target", "parse_targets"]

STATED = re.compile(
    r"(?P<quantity>\w+)\s*(?P<sign>[<>=]+)\s*\$?(?P<bound>[-+.\de]+)\s*(?P<unit>.*)"
)
EXAMPLES = "quality>=0.95, strong_calls<=0.3, cost<=2.00/1000 or p95_latency<=1.5"


class Quantity(StrEnum):
    """What a target may bound.

    The share of the strong expert's mean score that is kept (0..1, from below); the share of
    queries that go to it (0..1); dollars per query; the 95th percentile of seconds per answer.
    """

    QUALITY = "quality"
    STRONG_CALLS = "strong_calls"
    COST = "cost"
    P95_LATENCY = "p95_latency"


SHARES = (Quantity.QUALITY, Quantity.STRONG_CALLS)
UNITS: Mapping[Quantity, Mapping[str, float]] = {
    Quantity.QUALITY: {"": 1.0, "%": 0.01},
    Quantity.STRONG_CALLS: {"": 1.0, "%": 0.01},
    Quantity.COST: {"/1000": 1e-3, "/1000000": 1e-6, "/1": 1.0},
    Quantity.P95_LATENCY: {"": 1.0, "s": 1.0, "ms": 1e-3},
}


@dataclass(frozen=True, slots=True)
class Target:
    """One quantity and its bound: from below for quality, from above for all others.

    `bound` in shares, dollars per query, or seconds. Raises InvalidTarget for an unknown quantity
    and a bound out of range.
    """

    quantity: Quantity
    bound: float

    def __post_init__(self) -> None:
        if not isinstance(self.quantity, str) or self.quantity not in tuple(Quantity):
            raise InvalidTarget(
                f"{self.quantity!r:.60} is no quantity; use one of {', '.join(Quantity)}"
            )
        if isinstance(self.bound, bool) or not isinstance(self.bound, Real):
            raise InvalidTarget(f"the bound {self.bound!r:.60} is not a number")
        object.__setattr__(self, "quantity", Quantity(self.quantity))
        _check_range(self.quantity, self.bound, f"{self.quantity} {self.bound!r:.60}")
        object.__setattr__(self, "bound", float(self.bound))

    @property
    def sign(self) -> str:
        return ">=" if self.quantity is Quantity.QUALITY else "<="

    def __str__(self) -> str:
        if self.quantity is Quantity.COST:
            return f"cost<={self.bound * 1000:.6g}/1000"
        return f"{self.quantity}{self.sign}{self.bound:.6g}"

    @property
    def words(self) -> str:
        """The target as a clause about the strong expert, who is called {strong}."""
        share, bound = f"{self.bound * 100:.4g} %", self.bound
        return {
            Quantity.QUALITY: f"keeps at least {share} of {{strong}}'s mean score",
            Quantity.STRONG_CALLS: f"asks {{strong}} for at most {share} of the queries",
            Quantity.COST: f"costs at most ${bound * 1000:.4g} per 1,000 queries",
            Quantity.P95_LATENCY: f"answers at least 95 % of the queries within {bound:.4g} s",
        }[self.quantity]


def parse_targets(texts: Iterable[str]) -> tuple[Target, ...]:
    """Targets from texts such as "quality>=0.95, cost<=2.00/1000", in the order of Quantity.

    Of two bounds that point the same way the stricter one counts. Raises InvalidTarget, and
    TargetsConflict where no value meets two bounds of the same quantity.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    if odd := [text for text in texts if not isinstance(text, str)]:
        raise InvalidTarget(f"{odd[0]!r:.60} is not a target; write {EXAMPLES}")
    stated = [_parse(part) for text in texts for part in text.split(",") if part.strip()]
    if not stated:
        raise InvalidTarget(f"no target is stated; give {EXAMPLES}")
    _refuse_conflicts(stated)
    for target, sign, text in stated:
        if sign != target.sign:
            raise InvalidTarget(
                f"{text!r} points the wrong way: {target.quantity} is bounded by {target.sign}"
            )
    return tuple(
        _strictest([target for target, _, _ in stated if target.quantity is quantity])
        for quantity in Quantity
        if any(target.quantity is quantity for target, _, _ in stated)
    )


def _strictest(targets: list[Target]) -> Target:
    lower = targets[0].quantity is Quantity.QUALITY
    return (max if lower else min)(targets, key=lambda target: target.bound)


def _parse(text: str) -> tuple[Target, str, str]:
    """The target, the sign that was written, and the text itself."""
    text = text.strip()
    parts = STATED.fullmatch(text)
    if parts is None:
        raise InvalidTarget(f"{text!r} is not a target; write {EXAMPLES}")
    if parts["quantity"] not in tuple(Quantity):
        raise InvalidTarget(
            f"{parts['quantity']!r} in {text!r} is no quantity; use one of {', '.join(Quantity)}"
        )
    if parts["sign"] not in (">=", "<="):
        raise InvalidTarget(f"{parts['sign']!r} in {text!r} must be >= or <=")
    quantity = Quantity(parts["quantity"])
    bound = _bound(quantity, parts["bound"], parts["unit"], text)
    return Target(quantity, bound), parts["sign"], text


def _bound(quantity: Quantity, number: str, unit: str, text: str) -> float:
    units = UNITS[quantity]
    unit = unit.replace(" ", "").replace("_", "")
    if unit not in units:
        known = ", ".join(f"{one or 'none'}" for one in units)
        raise InvalidTarget(f"{text!r} has the unit {unit or 'none'}; {quantity} takes {known}")
    try:
        bound = round(float(number) * units[unit], 12)
    except ValueError:
        raise InvalidTarget(f"{number!r} in {text!r} is not a number") from None
    _check_range(quantity, bound, text)
    return bound


def _check_range(quantity: Quantity, bound: float, text: str) -> None:
    if quantity in SHARES and not 0 < bound < 1:
        raise InvalidTarget(f"{text!r} is out of range: {quantity} lies between 0 and 1")
    if not 0 < bound < MOST:
        raise InvalidTarget(f"{text!r} is out of range: {quantity} must be above 0, and finite")


def _refuse_conflicts(stated: list[tuple[Target, str, str]]) -> None:
    for low, low_sign, low_text in stated:
        for high, high_sign, high_text in stated:
            opposed = (low_sign, high_sign) == (">=", "<=") and low.quantity is high.quantity
            if opposed and low.bound > high.bound:
                raise TargetsConflict(
                    f"no {low.quantity} meets {low_text!r} and {high_text!r}; leave one of them out"
                )
