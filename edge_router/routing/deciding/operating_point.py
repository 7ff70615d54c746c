"""Operating points: the price of quality, at which a dearer expert is worth asking.

numpy only, so that a device can recalibrate on its own traffic.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from edge_router.guards.checks import any_text, number, settle, table

from ..arrays import Float64s
from ..experts.expert import Expert, ExpertHead
from ..logistic import log_odds, sigmoid

__all__ = ["Correction", "OperatingPoint", "fingerprint"]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The `price` that `price_rule.PriceRule` decides by, in expected quality (0..1): by so much
    asking the dearest expert must raise the chance of a good answer, cheaper ones in proportion.

    An expert expected below `least_quality` (0..1) is not chosen while another one reaches it.
    `promise` says in words what this asks for, or what was measured of it and on what. The
    qualities are estimates after `corrections`, by the names of the experts; without one an
    estimate stays as it is.
    """

    name: str
    promise: str
    price: float
    least_quality: float = 0.0
    corrections: Mapping[str, Correction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError for a price or a quality that is no number."""
        settle(self, POINT_CHECKS, "OperatingPoint")

    @classmethod
    def from_json(cls, name: str, point: Mapping[str, Any]) -> Self:
        """A point of an artifact's calibration.json."""
        return cls(name, point["promise"], float(point["price"]), float(point["least_quality"]))

    @classmethod
    def of_price(cls, price: float) -> Self:
        """An operating point that the user states, the setting `min_gain`."""
        points = f"{100 * abs(price):.3g}"
        asked = (
            f"where that raises the chance of a good answer by {points} points or more"
            if price > 0
            else f"unless that lowers the chance of a good answer by more than {points} points"
        )
        promise = f"the dearest expert is asked {asked}, cheaper ones in proportion"
        return cls("custom", promise, price)

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
    "price": number(-math.inf),
    "least_quality": number(0.0, 1.0),
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
