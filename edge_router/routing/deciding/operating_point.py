"""Operating points: how much better a dearer expert must be before it is asked.

numpy only, so that a device can recalibrate on its own traffic.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from edge_router.errors import ConfigError
from edge_router.guards.checks import any_text, mapping, number, settle, table

from ..arrays import Float64s
from ..experts.expert import Expert, ExpertHead
from ..logistic import log_odds, sigmoid

__all__ = ["Correction", "OperatingPoint", "fingerprint"]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The least gain in expected quality (0..1) that justifies a dearer expert.

    `min_gain` maps "weaker>stronger" pairs of profiles to that gain; `default` serves every other
    pair. `promise` says in words what was measured, and on what. The gains are of estimates after
    `corrections`, by the names of the experts; without one an estimate stays as it is.
    """

    name: str
    promise: str
    default: float
    min_gain: Mapping[str, float]
    corrections: Mapping[str, Correction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError for gains that are no numbers and pairs that are none."""
        settle(self, POINT_CHECKS, "OperatingPoint")
        if not all(">" in pair for pair in self.min_gain):
            raise ConfigError('min_gain of an OperatingPoint must be by pairs, "weaker>stronger"')

    @classmethod
    def from_json(cls, name: str, point: Mapping[str, Any]) -> Self:
        return cls(name, point["promise"], point["default"], point["min_gain"])

    @classmethod
    def of_gain(cls, gain: float) -> Self:
        """An operating point that the user states: the same gain for every pair."""
        promise = f"a dearer expert must raise the chance of a good answer by {gain:.0%} or more"
        return cls("custom", promise, gain, {})

    def gain(self, weak: str, strong: str) -> float:
        return self.min_gain.get(f"{weak}>{strong}", self.default)

    def corrected(self, expert: Expert) -> Expert:
        """The expert as this point knows it."""
        correction = self.corrections.get(expert.name)
        return expert if correction is None else correction.of(expert)

    def uncorrected(self, expert: str, quality: float) -> float:
        """The estimate 0..1 of an expert, by its name, that was corrected to `quality`."""
        correction = self.corrections.get(expert)
        return quality if correction is None else correction.undone(quality)


POINT_CHECKS = {
    "name": any_text,
    "promise": any_text,
    "default": number(-math.inf),
    "min_gain": mapping(number(-math.inf)),
    "corrections": table,
}


@dataclass(frozen=True, slots=True)
class Correction:
    """What an expert's log-odds are divided by, a `temperature` above 0, and the `bias` that is
    added then. It is of the artifact's or the enrolled head, never of a corrected one."""

    temperature: float
    bias: float

    def corrected(self, estimates: Float64s) -> Float64s:
        """Estimates 0..1 of any shape, corrected."""
        return sigmoid(log_odds(estimates) / self.temperature + self.bias)

    def undone(self, quality: float) -> float:
        """The estimate 0..1 that was corrected to `quality`."""
        return float(sigmoid((log_odds(quality) - self.bias) * self.temperature))

    def of(self, expert: Expert) -> Expert:
        """The expert whose estimates are this one's, corrected."""
        head, temperature = expert.head, expert.head.temperature * self.temperature
        bias = head.bias + self.bias * temperature
        return replace(expert, head=replace(head, bias=bias, temperature=temperature))

    def check(self) -> None:
        """Raises ValueError or TypeError for numbers that correct nothing."""
        if not (0 < self.temperature < math.inf and math.isfinite(self.bias)):
            raise ValueError(f"a correction has temperature {self.temperature}, bias {self.bias}")


def fingerprint(head: ExpertHead) -> str:
    """16 characters that tell a head from others that estimate quality differently."""
    numbers = np.array([head.bias, head.temperature, *head.weights.tolist()], dtype="<f8")
    return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]
