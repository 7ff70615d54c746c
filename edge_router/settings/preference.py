"""Preference: the user's wish, parsed: best quality, a cost range, or a weighted balance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

from edge_router.errors import ConfigError
from edge_router.guards.checks import any_text, instance, number, one_of, optional, settle

__all__ = ["Preference", "PreferenceKind", "Weights"]


_NAMED: dict[str, PreferenceKind] = {
    "performance": "quality",
    "cost": "cost_range",
    "auto": "balance",
}

EXAMPLES = (
    'use "performance", "cost", "cost<=0.002" (dollars for an answer), "auto", or weights such as '
    '"quality=0.6,cost=0.3,latency=0.1"'
)


PreferenceKind = Literal["quality", "cost_range", "balance"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight of each column, 0 or more and not all 0; only their ratios matter."""

    quality: float = 0.0
    cost: float = 0.0
    latency: float = 0.0

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        settle(self, WEIGHT_CHECKS, "Weights")
        if self.quality + self.cost + self.latency < LEAST_WEIGHT:
            raise ConfigError("Weights gives every column the weight 0; one must count")


LEAST_WEIGHT = 1e-9  # less than that, rounding would decide
WEIGHT_CHECKS = {name: number(0.0, 1e9) for name in ("quality", "cost", "latency")}
AUTO = Weights(quality=0.5, cost=0.25, latency=0.25)


@dataclass(frozen=True, slots=True)
class Preference:
    """What the user prefers, parsed; `topsis.PreferenceRule` chooses by it.

    `text` is the preference as the user states it. `weights` apply to a
    balance, `max_cost_usd` (dollars for one answer) to a cost range. Unlike a limit, a range is a
    wish: if no expert is within it, the cheapest answers.
    """

    text: str
    kind: PreferenceKind
    weights: Weights = AUTO
    max_cost_usd: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        settle(self, PREFERENCE_CHECKS, "Preference")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ConfigError for an unknown name, and for weights that are negative or all 0."""
        if not isinstance(text, str):
            raise ConfigError(f"a preference is a text, not {type(text).__name__}; {EXAMPLES}")
        stated = "".join(text.split())
        if stated in _NAMED:
            return cls(stated, _NAMED[stated])
        if stated.startswith("cost<="):
            limit = _number(stated.removeprefix("cost<="), text)
            return cls(stated, "cost_range", max_cost_usd=limit)
        return cls(stated, "balance", weights=_weights(stated, text))


PREFERENCE_CHECKS = {
    "text": any_text,
    "kind": one_of("quality", "cost_range", "balance"),
    "weights": instance(Weights),
    "max_cost_usd": optional(number(0.0)),
}


def _weights(stated: str, text: str) -> Weights:
    weights: dict[str, float] = {}
    for part in stated.split(","):
        name, equals, value = part.partition("=")
        if not equals or name not in ("quality", "cost", "latency"):
            raise ConfigError(f"preference {text!r} is unknown; {EXAMPLES}")
        if name in weights:
            raise ConfigError(f"preference {text!r} states {name!r} twice; {EXAMPLES}")
        weights[name] = _number(value, text)
    if not any(weights.values()):
        raise ConfigError(f"preference {text!r} gives every column the weight 0; {EXAMPLES}")
    return Weights(**weights)


def _number(value: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ConfigError(
            f"preference {text!r} states {value!r}, which must be a number of 0 or more; {EXAMPLES}"
        )
    return number
