"""Abstention: from which confidence on an agent is meant, and below which the request is out of
scope.

The threshold is a conformal quantile (Vovk, Gammerman and Shafer 2005): of requests like those it
was chosen on, a stated share at most is turned away wrongly. With requests that are out of scope
beside them, a logistic curve (Platt 1999) gives the probability as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from edge_router.errors import InvalidAgent
from edge_router.routing.logistic import Gaussian, most_probable, sigmoid, with_bias

__all__ = ["FALSE_ALARMS", "Abstention"]

FALSE_ALARMS = 0.03
PRIOR_DEVIATION = 10.0  # of the curve's two parameters: next to no prior


@dataclass(frozen=True, slots=True)
class Abstention:
    """`threshold` of a confidence; `slope` and `offset` of the log-odds of being in scope, both 0
    where no request out of scope was known."""

    threshold: float
    slope: float = 0.0
    offset: float = 0.0

    @classmethod
    def fit(
        cls,
        in_scope: Sequence[float],
        out_of_scope: Sequence[float] = (),
        *,
        false_alarms: float = FALSE_ALARMS,
    ) -> Self:
        """From confidences of requests that were not used to make the scores.

        Raises InvalidAgent for too few requests in scope to keep that share of false alarms.
        """
        if not 0 < false_alarms < 1:
            raise InvalidAgent(f"false_alarms is {false_alarms!r}; it must lie between 0 and 1")
        rank = math.floor(false_alarms * (len(in_scope) + 1))
        if rank < 1:
            raise InvalidAgent(
                f"{len(in_scope)} requests in scope cannot keep {false_alarms:.1%} false alarms; "
                f"give {math.ceil(1 / false_alarms)} or more"
            )
        threshold = float(np.sort(np.asarray(in_scope, dtype=np.float64))[rank - 1])
        slope, offset = _curve(in_scope, out_of_scope) if len(out_of_scope) else (0.0, 0.0)
        return cls(threshold, slope, offset)

    def abstains(self, confidence: float) -> bool:
        return confidence < self.threshold

    def probability(self, confidence: float) -> float | None:
        """That an agent is meant, None where no request out of scope was known.

        Of a request that may as well be out of scope: both kinds counted the same.
        """
        if not self.slope:
            return None
        return float(sigmoid(np.array(self.offset + self.slope * confidence)))

    def to_json(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def from_json(cls, stated: Any) -> Self:
        """Raises ValueError, TypeError or LookupError for what `to_json` did not write."""
        values = [float(stated[name]) for name in ("threshold", "slope", "offset")]
        if not all(map(math.isfinite, values)):
            raise ValueError("a number of an abstention is not finite")
        return cls(*values)


def _curve(in_scope: Sequence[float], out_of_scope: Sequence[float]) -> tuple[float, float]:
    values = np.array([*in_scope, *out_of_scope], dtype=np.float64)
    scores = np.array([1.0] * len(in_scope) + [0.0] * len(out_of_scope))
    weights = np.where(scores > 0, 0.5 / len(in_scope), 0.5 / len(out_of_scope)) * len(scores)
    middle, spread = float(values.mean()), max(float(values.std()), 1e-9)
    prior = Gaussian.of(np.zeros(2), np.eye(2) * PRIOR_DEVIATION**2)
    scaled = with_bias((values[:, None] - middle) / spread)
    bias, slope = most_probable(prior, scaled, scores, weights).tolist()
    return slope / spread, bias - slope * middle / spread
