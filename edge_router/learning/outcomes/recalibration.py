"""Recalibration of an expert's estimates on logged answers.

Each answer is weighted by the inverse of the probability of asking its expert, self-normalised
(Swaminathan and Joachims 2015). What comes out are estimates with intervals over the draw of the
log, not promises. numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.deciding.operating_point import Correction
from edge_router.routing.logistic import (
    NEAR_95,
    NO_CORRECTION,
    Gaussian,
    log_odds,
    most_probable,
    sigmoid,
)

from .propensity import Interval, LoggedOutcomes

__all__ = ["Recalibration", "recalibrate"]

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
    design = np.stack([z, np.ones_like(z)], axis=1)  # (answers, 2)
    fitted = _fit(design, seen.scores, weights)
    slope, bias = fitted.tolist()
    slope_error, bias_error = _errors(design, seen.scores, weights, fitted)
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


def _fit(design: Float64s, scores: Float64s, weights: Float64s) -> Float64s:
    """(slope, bias), the slope within SLOPES."""
    fitted = most_probable(NO_CORRECTION, design, scores, weights)
    slope = float(np.clip(fitted[0], *SLOPES))
    if slope == fitted[0]:
        return fitted
    bias_alone = Gaussian(np.array([slope, 0.0]), np.array([[0.0], [1.0]]))
    return most_probable(bias_alone, design, scores, weights)


def _errors(
    design: Float64s, scores: Float64s, weights: Float64s, fitted: Float64s
) -> tuple[float, float]:
    """Standard errors of slope and bias (Huber's sandwich, 1967)."""
    p = sigmoid(design @ fitted)
    curvature = (design.T * (weights * p * (1 - p))) @ design + np.eye(2)
    parts = design * (weights * (scores - p))[:, None]
    inverse = np.linalg.inv(curvature)
    slope_error, bias_error = np.sqrt(np.diag(inverse @ (parts.T @ parts) @ inverse))
    return float(slope_error), float(bias_error)


def _mean_error(weights: Float64s, scores: Float64s, mean: float) -> float:
    """Standard error of a self-normalised mean (Owen 2013, equation 9.8)."""
    return float(np.linalg.norm(weights * (scores - mean)) / weights.sum())


def _around(
    value: float, error: float, least: float = -math.inf, most: float = math.inf
) -> Interval:
    return max(least, value - NEAR_95 * error), min(most, value + NEAR_95 * error)
