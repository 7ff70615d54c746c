"""Operating points: how much better a dearer expert must be before it is asked.

numpy only, so that a device can recalibrate on its own traffic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from .checks import any_text, mapping, number, settle, table
from .errors import ConfigError

if TYPE_CHECKING:
    from .correction import Correction
    from .experts import Expert

__all__ = ["OperatingPoint", "fit_temperature", "gain_for_call_rate", "gain_for_quality", "sigmoid"]

Floats = npt.NDArray[np.float64]


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


def sigmoid(log_odds: Floats) -> Floats:
    """Log-odds of any shape to probabilities."""
    return 1 / (1 + np.exp(-np.minimum(np.maximum(log_odds, -30), 30)))


def gain_for_call_rate(gains: Floats, rate: float) -> float:
    """The largest threshold at which at least `rate` of the queries have `gains >= threshold`.

    `gains` (queries,), at least one.
    """
    calls = max(1, min(len(gains), int(np.ceil(rate * len(gains) - 1e-9))))
    return float(np.sort(gains)[::-1][calls - 1])


def gain_for_quality(gains: Floats, weak: Floats, strong: Floats, share: float) -> float:
    """The largest threshold that keeps `share` of the strong expert's mean score.

    All arrays (queries,): predicted gain, and both experts' scores in 0..1. Where even asking the
    strong expert always does not reach it, the smallest gain, which asks always.
    """
    ranked = np.sort(np.unique(gains))[::-1]
    never = np.nextafter(ranked[0], np.inf)  # no gain reaches it
    for threshold in (never, *ranked):
        if np.where(gains >= threshold, strong, weak).sum() >= share * strong.sum():
            return float(threshold)
    return float(ranked[-1])


def fit_temperature(log_odds: Floats, scores: Floats) -> float:
    """The temperature that minimises cross-entropy, by golden section over 0.25..4."""

    def loss(log_temperature: float) -> float:
        z = log_odds / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, z) - scores * z))

    low, high = np.log(0.25), np.log(4.0)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
