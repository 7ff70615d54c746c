"""A correction of what the router expects of an expert, from answers that were seen here."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .calibration import sigmoid
from .experts import Expert, ExpertHead

__all__ = ["Correction", "fingerprint", "log_odds"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Correction:
    """What an expert's log-odds are divided by, a `temperature` above 0, and the `bias` that is
    added then. It is of the artifact's or the enrolled head, never of a corrected one."""

    temperature: float
    bias: float

    def corrected(self, estimates: Floats) -> Floats:
        """Estimates 0..1 of any shape, corrected."""
        return sigmoid(log_odds(estimates) / self.temperature + self.bias)

    def undone(self, quality: float) -> float:
        """The estimate 0..1 that was corrected to `quality`."""
        found = (log_odds(np.array(quality)) - self.bias) * self.temperature
        return float(sigmoid(found))

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


def log_odds(estimates: Floats) -> Floats:
    """Of probabilities of any shape; those of 0 and 1 are taken for a millionth less."""
    bounded = np.clip(estimates, 1e-6, 1 - 1e-6)
    found: Floats = np.log(bounded / (1 - bounded))
    return found
