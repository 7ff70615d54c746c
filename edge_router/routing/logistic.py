"""Bayesian logistic regression: what outcomes say about a head, and how surely.

The posterior is Laplace's approximation: a Gaussian at the most probable parameters, with the
curvature there (MacKay 1992, "The evidence framework applied to classification networks").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .arrays import Float64s

__all__ = [
    "NEAR_95",
    "NO_CORRECTION",
    "Gaussian",
    "Objective",
    "laplace",
    "log_odds",
    "minimum",
    "mixture",
    "most_probable",
    "sigmoid",
    "with_bias",
]


NEAR_95 = 1.959964  # standard deviations on each side of a 95 % interval
SMALLEST = 1e-6  # probability with log-odds of its own; so is 1 less as much


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A belief about a head: log-odds are `design @ parameters`, the bias the first of them.

    `mean` (parameters,); `root` (parameters, rank) with the covariance `root @ root.T`.
    """

    mean: Float64s
    root: Float64s

    @classmethod
    def of(cls, mean: Float64s, covariance: Float64s) -> Self:
        """`covariance` (parameters, parameters), positive definite."""
        root: Float64s = np.linalg.cholesky(covariance).astype(np.float64)
        return cls(mean, root)

    @property
    def covariance(self) -> Float64s:
        return self.root @ self.root.T

    def log_odds(self, design: Float64s) -> tuple[Float64s, Float64s]:
        """Mean and standard deviation (queries,) of the log-odds for `design` (queries, ...)."""
        return design @ self.mean, np.linalg.norm(design @ self.root, axis=1)

    def mean_quality(self, design: Float64s) -> tuple[float, float, float]:
        """Mean quality over the queries of `design`, and the ends of its 95 % interval.

        By the delta method on the log-odds of the mean, so that the ends stay inside 0..1.
        """
        quality = sigmoid(design @ self.mean)
        mean = float(np.clip(quality.mean(), SMALLEST, 1 - SMALLEST))
        slope = (quality * (1 - quality)) @ design / len(design)  # (parameters,)
        deviation = np.linalg.norm(slope @ self.root) / (mean * (1 - mean))
        ends = log_odds(mean) + deviation * np.array([-NEAR_95, NEAR_95])
        low, high = sigmoid(ends).tolist()
        return mean, low, high

    def draw(self, count: int, seed: int) -> Float64s:
        """(count, parameters) samples."""
        normal = np.random.default_rng(seed).standard_normal((count, self.root.shape[1]))
        drawn: Float64s = self.mean + normal @ self.root.T
        return drawn


NO_CORRECTION = Gaussian(np.array([1.0, 0.0]), np.eye(2))
"""A belief about slope and bias that corrects nothing, and weighs as little as a few answers."""


def with_bias(vectors: npt.NDArray[np.floating]) -> Float64s:
    """`vectors` (queries, dim) as a design (queries, 1 + dim): a column of ones before them."""
    return np.hstack([np.ones((len(vectors), 1)), vectors]).astype(np.float64)


def most_probable(
    prior: Gaussian, design: Float64s, scores: Float64s, weights: Float64s | float = 1.0
) -> Float64s:
    """Maximum a posteriori (MAP) logistic regression: parameters (parameters,).

    `design` (queries, parameters), `scores` (queries,) in 0..1, `weights` (queries,) how many
    queries each counts for. A parameter without variance in `prior` stays at its mean.
    """
    return prior.mean + prior.root @ _whitened_mode(*_whitened(prior, design), scores, weights)


def laplace(prior: Gaussian, design: Float64s, scores: Float64s) -> tuple[Gaussian, float]:
    """The posterior after `scores` (queries,) in 0..1, and the logarithm of the evidence for
    `prior`.

    `design` (queries, parameters). Without queries: the prior, and 0.
    """
    seen, offset = _whitened(prior, design)
    mode = _whitened_mode(seen, offset, scores, 1.0)
    curvature = _curvature(seen, offset + seen @ mode, 1.0)
    factor = np.linalg.cholesky(curvature)
    root = prior.root @ np.linalg.inv(factor).T
    evidence = -_loss(seen, offset, scores, mode, 1.0) - float(np.log(np.diag(factor)).sum())
    return Gaussian(prior.mean + prior.root @ mode, root), evidence


def mixture(parts: Sequence[Gaussian], log_weights: Sequence[float]) -> tuple[Gaussian, Float64s]:
    """The Gaussian with the mean and the covariance of a mixture, and the weights (parts,)."""
    weights = np.exp(np.asarray(log_weights) - max(log_weights))
    weights /= weights.sum()
    means = np.array([part.mean for part in parts])
    mean = weights @ means
    within = sum(weight * part.covariance for weight, part in zip(weights, parts, strict=True))
    between = (means - mean).T @ ((means - mean) * weights[:, None])
    return Gaussian.of(mean, within + between), weights


def _whitened(prior: Gaussian, design: Float64s) -> tuple[Float64s, Float64s]:
    """A design (queries, rank) of parameters that are standard normal before anything was seen,
    and the log-odds (queries,) at their zero."""
    return design @ prior.root, design @ prior.mean


def _whitened_mode(
    seen: Float64s, offset: Float64s, scores: Float64s, weights: Float64s | float
) -> Float64s:
    def objective(at: Float64s) -> tuple[float, Float64s, Float64s]:
        odds = offset + seen @ at
        gradient = seen.T @ (weights * (sigmoid(odds) - scores)) + at
        return _loss(seen, offset, scores, at, weights), gradient, _curvature(seen, odds, weights)

    return minimum(objective, np.zeros(seen.shape[1]))


def _loss(
    seen: Float64s, offset: Float64s, scores: Float64s, at: Float64s, weights: Float64s | float
) -> float:
    """Negative logarithm of likelihood and standard normal prior, but for a constant."""
    odds = offset + seen @ at
    return float((weights * (np.logaddexp(0, odds) - scores * odds)).sum() + at @ at / 2)


def _curvature(seen: Float64s, odds: Float64s, weights: Float64s | float) -> Float64s:
    quality = sigmoid(odds)
    weighted = seen * (weights * quality * (1 - quality))[:, None]
    return seen.T @ weighted + np.eye(seen.shape[1])


Objective = Callable[[Float64s], tuple[float, Float64s, Float64s]]
"""At a point (n,): the value, the gradient (n,) and the Hessian (n, n), positive definite."""

STEPS = 50
HALVINGS = 30
CONVERGED = 1e-8


def minimum(objective: Objective, start: Float64s) -> Float64s:
    """Newton's method: where `objective` is least, from `start` (n,) until steps are below 1e-8.

    A step that does not go down is halved: a full one may overshoot to where the logistic is flat,
    and never return.
    """
    at = start
    value, gradient, hessian = objective(at)
    for _ in range(STEPS):
        step = np.linalg.solve(hessian, gradient)
        if np.abs(step).max(initial=0.0) < CONVERGED:
            break
        for halving in range(HALVINGS):
            new = at - step / 2**halving
            there = objective(new)
            if there[0] <= value:
                break
        else:
            break
        at, (value, gradient, hessian) = new, there
    return at


def sigmoid(log_odds: Float64s | float) -> Float64s:
    """Log-odds of any shape to probabilities."""
    if isinstance(log_odds, float):  # one number, numpy's too: plain Python bounds it sooner
        bounded: Any = min(max(log_odds, -30.0), 30.0)
    else:
        bounded = np.minimum(np.maximum(log_odds, -30), 30)
    probabilities: Float64s = 1 / (1 + np.exp(-bounded))
    return probabilities


def log_odds(estimates: Float64s | float) -> Float64s:
    """Log-odds of probabilities of any shape, clipped to SMALLEST..1 - SMALLEST."""
    bounded = np.clip(estimates, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(bounded / (1 - bounded)), dtype=np.float64)
