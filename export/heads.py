"""Fit the experts' heads on the quantised encoder's own representations.

A profile's head stands for all models of a size. A model's head starts from its profile's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edge_router.experts import PROFILES

__all__ = ["LinearHead", "fit_model_head", "fit_profile_heads"]

Floats = npt.NDArray[np.float64]

NEWTON_STEPS = 25
SMOOTHNESS = 30.0
RIDGE = 1.0
ORDER = 0.5
MODEL_PRIOR = 10.0


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Log-odds of a good answer: `bias + weights @ representation`."""

    bias: float
    weights: Floats

    @classmethod
    def of(cls, parameters: Floats) -> LinearHead:
        return cls(float(parameters[0]), parameters[1:])

    @classmethod
    def mean(cls, heads: Sequence[LinearHead]) -> LinearHead:
        """The head whose log-odds are the mean of the others'."""
        return cls.of(np.mean([head.parameters for head in heads], axis=0))

    @property
    def parameters(self) -> Floats:
        return np.concatenate([[self.bias], self.weights])

    def log_odds(self, vectors: Floats) -> Floats:
        return self.bias + vectors @ self.weights


def fit_model_head(vectors: Floats, scores: Floats, prior: LinearHead) -> LinearHead:
    """Maximum a posteriori logistic regression around `prior`.

    `vectors` (queries, dim), `scores` (queries,) in 0..1.
    """
    design = _design(vectors)
    precision = np.full(design.shape[1], MODEL_PRIOR)
    centre = prior.parameters
    found = _newton(
        centre.copy(),
        lambda theta: _logistic(design, scores, theta),
        lambda theta: precision * (theta - centre),
        np.diag(precision),
    )
    return LinearHead.of(found)


def fit_profile_heads(vectors: Floats, scores: Mapping[str, Floats]) -> dict[str, LinearHead]:
    """One head for each of PROFILES, fitted together.

    `scores[profile]` (queries,) is the mean over the profile's models, NaN where none was seen.
    Two beliefs fill in what was not seen, and give way where outcomes say otherwise: neighbours in
    size are alike (a penalty on first differences), and on no query is a size expected to do worse
    than the one below it (a penalty on log-odds that fall with size).
    """
    design = _design(vectors)
    count, dim = len(PROFILES), design.shape[1]
    parts = [slice(number * dim, (number + 1) * dim) for number in range(count)]
    step = np.diff(np.eye(count), axis=0)  # (count - 1, count)
    likeness = SMOOTHNESS * step.T @ step + RIDGE * np.eye(count)
    alike = np.kron(likeness, np.eye(dim)).astype(np.float64)

    def data(theta: Floats) -> tuple[Floats, Floats]:
        gradient, hessian = np.zeros(count * dim), np.zeros((count * dim, count * dim))
        for profile, part in zip(PROFILES, parts, strict=True):
            seen = ~np.isnan(scores[profile])
            gradient[part], hessian[part, part] = _logistic(
                design[seen], scores[profile][seen], theta[part]
            )
        for smaller, larger in pairwise(parts):
            fall = design @ (theta[smaller] - theta[larger])  # (queries,)
            wrong = design[fall > 0]
            pull, curve = ORDER * wrong.T @ fall[fall > 0], ORDER * wrong.T @ wrong
            gradient[smaller] += pull
            gradient[larger] -= pull
            for part, other in ((smaller, larger), (larger, smaller)):
                hessian[part, part] += curve
                hessian[part, other] -= curve
        return gradient, hessian

    found = _newton(np.zeros(count * dim), data, lambda theta: np.dot(alike, theta), alike)
    return {p: LinearHead.of(found[part]) for p, part in zip(PROFILES, parts, strict=True)}


def mean_score(scores: Floats, columns: Sequence[int]) -> Floats:
    """Mean over some experts (queries,), NaN where none of them was seen."""
    part = scores[:, list(columns)]
    seen = ~np.isnan(part)
    total = np.where(seen, part, 0.0).sum(1)
    unknown = np.full(len(part), np.nan)
    mean: Floats = np.divide(total, seen.sum(1), out=unknown, where=seen.any(1))
    return mean


def _design(vectors: Floats) -> Floats:
    return np.hstack([np.ones((len(vectors), 1)), vectors])


def _logistic(design: Floats, scores: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Gradient and Hessian of the negative log-likelihood."""
    probability = 1 / (1 + np.exp(-np.clip(design @ theta, -30, 30)))
    weight = np.maximum(probability * (1 - probability), 1e-6)
    return design.T @ (probability - scores), design.T @ (design * weight[:, None])


def _newton(
    theta: Floats,
    data: Callable[[Floats], tuple[Floats, Floats]],
    pull: Callable[[Floats], Floats],
    penalty: Floats,
) -> Floats:
    for _ in range(NEWTON_STEPS):
        gradient, hessian = data(theta)
        step = np.linalg.solve(hessian + penalty, gradient + pull(theta))
        theta = theta - step
        if np.abs(step).max() < 1e-8:
            break
    return theta
