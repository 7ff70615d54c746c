"""Recalibration of an expert's estimates on logged answers.

Each answer is weighted by the inverse of the probability of asking its expert, self-normalised
(Swaminathan and Joachims 2015). What comes out are estimates with intervals over the draw of the
log, not promises. numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_router.routing.deciding.operating_point import Correction
from edge_router.routing.logistic import log_odds, sigmoid

from .propensity import LoggedOutcomes

__all__ = ["Interval", "Recalibration", "recalibrate"]

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

Z_95 = 1.959964
SLOPES = (0.25, 4.0)  # temperatures of 4 to 0.25, as in calibration


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What an expert's estimates need, with 95 % intervals.

    From `answers` scored answers that tell as much as `effective` equally weighted ones. Over the
    queries that the expert has answered or would have if the draw had been otherwise, its mean
    score is `mean_score` where `expected` was estimated, both 0..1.
    """

    expert: str
    correction: Correction
    temperature_interval: Interval
    bias_interval: Interval
    expected: float
    mean_score: float
    mean_score_interval: Interval
    answers: int
    effective: float


def recalibrate(log: LoggedOutcomes, expert: str) -> Recalibration:
    """Platt's logistic model (1999) on the log-odds of `expert`'s estimates, by weighted MAP.

    The prior, normal around no correction, weighs as little as a few answers. Intervals are by the
    sandwich formula and the delta method. Raises TooFewOutcomes, LearningError.
    """
    number = log.number(expert)
    asked = log.chosen == number
    effective = log.require(asked, f"of {expert!r}")
    seen = log.where(asked)
    weights = 1 / seen.propensity
    weights *= effective / weights.sum()
    estimates = seen.estimates[:, number]
    z = log_odds(estimates)
    slope, bias = _fit(z, seen.scores, weights)
    slope_error, bias_error = _errors(z, seen.scores, weights, slope, bias)
    temperature = 1 / slope
    mean = float(weights @ seen.scores) / effective
    return Recalibration(
        expert,
        Correction(temperature, bias),
        _around(temperature, slope_error / slope**2, least=0.0),
        _around(bias, bias_error),
        float(weights @ estimates) / effective,
        mean,
        _around(mean, _mean_error(weights, seen.scores, mean), least=0.0, most=1.0),
        len(seen),
        effective,
    )


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


def _mean_error(weights: Floats, scores: Floats, mean: float) -> float:
    """Standard error of a self-normalised mean (Owen 2013, equation 9.8)."""
    return float(np.linalg.norm(weights * (scores - mean)) / weights.sum())


def _around(
    value: float, error: float, least: float = -math.inf, most: float = math.inf
) -> Interval:
    return max(least, value - Z_95 * error), min(most, value + Z_95 * error)
