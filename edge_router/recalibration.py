"""Recalibration of an expert's estimates on logged answers.

Each answer is weighted by the inverse of the probability of asking its expert, self-normalised
(Swaminathan and Joachims 2015). What comes out are estimates with intervals over the draw of the
log, not promises. numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .calibration import sigmoid
from .experts import ExpertHead
from .logged_outcomes import LoggedOutcomes, require_enough

__all__ = ["Correction", "Interval", "fit_correction"]

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

Z_95 = 1.959964
SLOPES = (0.25, 4.0)  # temperatures of 4 to 0.25, as in calibration


@dataclass(frozen=True, slots=True)
class Correction:
    """What an expert's log-odds are divided by, and what is added then, with 95 % intervals.

    From `answers` scored answers that tell as much as `effective` equally weighted ones.
    """

    expert: str
    temperature: float
    bias: float
    temperature_interval: Interval
    bias_interval: Interval
    answers: int
    effective: float

    def corrected(self, estimates: Floats) -> Floats:
        """Estimates 0..1 of any shape, corrected."""
        return sigmoid(_log_odds(estimates) / self.temperature + self.bias)

    def corrected_head(self, head: ExpertHead) -> ExpertHead:
        """The head whose estimates are this one's, corrected."""
        temperature = head.temperature * self.temperature
        return replace(head, bias=head.bias + self.bias * temperature, temperature=temperature)


def fit_correction(log: LoggedOutcomes, expert: str) -> Correction:
    """Platt's logistic model (1999) on the log-odds of `expert`'s estimates, by weighted MAP.

    The prior, normal around no correction, weighs as little as a few answers. Intervals are by the
    sandwich formula and the delta method. Raises TooFewOutcomes, LearningError.
    """
    number = log.number(expert)
    scored = ~np.isnan(log.scores) & ~np.isnan(log.estimates[:, number])
    seen = log.where(scored & (log.chosen == number))
    weights = 1 / seen.propensity
    effective = require_enough(weights, f"of {expert!r}")
    weights *= effective / weights.sum()
    z = _log_odds(seen.estimates[:, number])
    slope, bias = _fit(z, seen.scores, weights)
    slope_error, bias_error = _errors(z, seen.scores, weights, slope, bias)
    temperature = 1 / slope
    return Correction(
        expert,
        temperature,
        bias,
        _around(temperature, slope_error / slope**2, least=0.0),
        _around(bias, bias_error),
        len(seen),
        effective,
    )


def _log_odds(estimates: Floats) -> Floats:
    bounded = np.clip(estimates, 1e-6, 1 - 1e-6)
    found: Floats = np.log(bounded / (1 - bounded))
    return found


def _fit(z: Floats, scores: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and bias, the slope within SLOPES."""
    slope, bias = _newton(z, scores, weights, np.array([1.0, 0.0]), free=(True, True))
    bounded = float(np.clip(slope, *SLOPES))
    if bounded != slope:
        _, bias = _newton(z, scores, weights, np.array([bounded, bias]), free=(False, True))
    return bounded, bias


def _newton(
    z: Floats, scores: Floats, weights: Floats, start: Floats, *, free: tuple[bool, bool]
) -> tuple[float, float]:
    """Newton's method from `start`, (slope, bias), over those that are `free`; the loss is convex.
    Steps are at most 1 long, or a far start might overshoot."""
    found, moving = start, np.array(free)
    for _ in range(100):
        gradient, curvature = _derivatives(z, scores, weights, found)
        step = np.zeros(2)
        step[moving] = np.linalg.solve(curvature[np.ix_(moving, moving)], gradient[moving])
        step /= max(1.0, float(np.abs(step).max()))
        found = found - step
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), float(found[1])


def _derivatives(z: Floats, scores: Floats, weights: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Gradient (2,) and Hessian (2, 2) of the cross-entropy with a standard normal prior."""
    x = np.stack([z, np.ones_like(z)], axis=1)  # (answers, 2)
    p = sigmoid(x @ at)
    gradient = x.T @ (weights * (p - scores)) + (at - np.array([1.0, 0.0]))
    curvature = (x.T * (weights * p * (1 - p))) @ x + np.eye(2)
    return gradient, curvature


def _errors(
    z: Floats, scores: Floats, weights: Floats, slope: float, bias: float
) -> tuple[float, float]:
    """Standard errors of slope and bias (Huber's sandwich, 1967)."""
    _, curvature = _derivatives(z, scores, weights, np.array([slope, bias]))
    residuals = weights * (scores - sigmoid(slope * z + bias))
    parts = np.stack([z, np.ones_like(z)], axis=1) * residuals[:, None]
    inverse = np.linalg.inv(curvature)
    slope_error, bias_error = np.sqrt(np.diag(inverse @ (parts.T @ parts) @ inverse))
    return float(slope_error), float(bias_error)


def _around(value: float, error: float, least: float = -math.inf) -> Interval:
    return max(least, value - Z_95 * error), value + Z_95 * error
