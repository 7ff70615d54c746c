"""Fit the experts' heads on the quantised encoder's own representations.

A profile's head stands for all models of a size. A model's head starts from its profile's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.experts.expert import PROFILES
from edge_router.routing.logistic import Gaussian, minimum, most_probable, sigmoid, with_bias

__all__ = [
    "FALLBACK_PROFILE",
    "LinearHead",
    "fit_model_head",
    "fit_profile_heads",
    "fit_tools_head",
    "mean_score",
]


SMOOTHNESS = 30.0
RIDGE = 1.0
ORDER = 5.0  # by the profiles' log-loss on dev, of 0.5, 5 and 50
MODEL_PRIOR = 10.0
TOOLS_PRIOR = 0.1


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Log-odds of a good answer: `bias + weights @ representation`."""

    bias: float
    weights: Float64s

    @classmethod
    def of(cls, parameters: Float64s) -> LinearHead:
        return cls(float(parameters[0]), parameters[1:])

    @classmethod
    def mean(cls, heads: Sequence[LinearHead]) -> LinearHead:
        """The head whose log-odds are the mean of the others'."""
        return cls.of(np.mean([head.parameters for head in heads], axis=0))

    @property
    def parameters(self) -> Float64s:
        return np.concatenate([[self.bias], self.weights])

    def log_odds(self, vectors: Float64s) -> Float64s:
        return self.bias + vectors @ self.weights


def fit_model_head(vectors: Float64s, scores: Float64s, prior: LinearHead) -> LinearHead:
    """Maximum a posteriori logistic regression around `prior`.

    `vectors` (queries, dim), `scores` (queries,) in 0..1.
    """
    return _around(prior.parameters, MODEL_PRIOR, vectors, scores)


def fit_profile_heads(
    vectors: Float64s, scores: Mapping[str, Float64s], weights: Float64s | None = None
) -> dict[str, LinearHead]:
    """One head for each of PROFILES, fitted together.

    `scores[profile]` (queries,) is the mean over the profile's models, NaN where none was seen;
    `weights` (queries,) are how many queries each counts for, 1 where none are given.
    Two beliefs fill in what was not seen, and give way where outcomes say otherwise: neighbours in
    size are alike (a penalty on first differences), and on no query is a size expected to do worse
    than the one below it (a penalty on log-odds that fall with size).
    """
    design = with_bias(vectors)
    counts = np.ones(len(vectors)) if weights is None else weights
    count, dim = len(PROFILES), design.shape[1]
    parts = [slice(number * dim, (number + 1) * dim) for number in range(count)]
    step = np.diff(np.eye(count), axis=0)  # (count - 1, count)
    likeness = SMOOTHNESS * step.T @ step + RIDGE * np.eye(count)
    alike = np.kron(likeness, np.eye(dim)).astype(np.float64)

    def objective(theta: Float64s) -> tuple[float, Float64s, Float64s]:
        total = _Curve(float(theta @ alike @ theta) / 2, alike @ theta, alike.copy())
        for profile, part in zip(PROFILES, parts, strict=True):
            seen = ~np.isnan(scores[profile])
            curve = _logistic(design[seen], scores[profile][seen], counts[seen], theta[part])
            total.add(curve, part)
        for smaller, larger in pairwise(parts):
            total.add_fall(design, smaller, larger, theta)
        return total.value, total.gradient, total.hessian

    weights = minimum(objective, np.zeros(count * dim))
    return {p: LinearHead.of(weights[part]) for p, part in zip(PROFILES, parts, strict=True)}


def fit_tools_head(vectors: Float64s, needs_tools: Float64s) -> LinearHead:
    """Log-odds that a query needs live data or a device: `vectors` (queries, dim), `needs_tools`
    (queries,) 1 or 0, NaN where not known."""
    known = ~np.isnan(needs_tools)
    nothing = np.zeros(vectors.shape[1] + 1)
    return _around(nothing, TOOLS_PRIOR, vectors[known], needs_tools[known].astype(np.float64))


def _around(centre: Float64s, strength: float, vectors: Float64s, scores: Float64s) -> LinearHead:
    """Maximum a posteriori logistic regression around the parameters `centre`, each of which has
    the precision `strength` before anything was seen."""
    belief = Gaussian(centre, np.eye(len(centre)) / np.sqrt(strength))
    return LinearHead.of(most_probable(belief, with_bias(vectors), scores))


def mean_score(scores: Float64s, columns: Sequence[int]) -> Float64s:
    """Mean over some experts (queries,), NaN where none of them was seen."""
    part = scores[:, list(columns)]
    seen = ~np.isnan(part)
    total = np.where(seen, part, 0.0).sum(1)
    unknown = np.full(len(part), np.nan)
    mean: Float64s = np.divide(total, seen.sum(1), out=unknown, where=seen.any(1))
    return mean


@dataclass(slots=True)
class _Curve:
    """A function at one point: its value, gradient (n,) and Hessian (n, n)."""

    value: float
    gradient: Float64s
    hessian: Float64s

    def add(self, other: _Curve, part: slice) -> None:
        """Add a function of only the `part` of the point."""
        self.value += other.value
        self.gradient[part] += other.gradient
        self.hessian[part, part] += other.hessian

    def add_fall(self, design: Float64s, smaller: slice, larger: slice, theta: Float64s) -> None:
        """Add the penalty on log-odds that fall from one profile to the next larger one."""
        fall = design @ (theta[smaller] - theta[larger])  # (queries,)
        wrong, drop = design[fall > 0], fall[fall > 0]
        pull, curve = ORDER * wrong.T @ drop, ORDER * wrong.T @ wrong
        self.value += ORDER * float(drop @ drop) / 2
        self.gradient[smaller] += pull
        self.gradient[larger] -= pull
        for part, other in ((smaller, larger), (larger, smaller)):
            self.hessian[part, part] += curve
            self.hessian[part, other] -= curve


def _logistic(design: Float64s, scores: Float64s, counts: Float64s, theta: Float64s) -> _Curve:
    """The negative log-likelihood of queries that count `counts` (queries,) times."""
    log_odds = design @ theta
    probability = sigmoid(log_odds)
    weight = counts * np.maximum(probability * (1 - probability), 1e-6)
    return _Curve(
        float(np.sum(counts * (np.logaddexp(0, log_odds) - scores * log_odds))),
        design.T @ (counts * (probability - scores)),
        design.T @ (design * weight[:, None]),
    )


FALLBACK_PROFILE = "8b"  # where a model's head starts if the recipe puts it in no profile
