"""Multinomial logistic regression with a Gaussian prior, fitted on the device with numpy alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s, Float64s

__all__ = ["SoftmaxRegression"]

PRECISION = 0.07
"""Of the prior of every weight, on embeddings of length 1. Between 0.03 and 0.3 the accuracy on
held-out questions hardly changes (sets of 4, 14 and 150 classes); this value is about the best for
the probabilities, too."""
STEPS, MEMORY = 300, 10
HALVINGS = 30
ENOUGH_DESCENT = 1e-4  # of what the slope promises (Armijo)
CONVERGED = 1e-4  # of the gradient's largest entry, per question

Objective = Callable[[Float64s], tuple[float, Float64s]]
"""At a point (n,): the value and the gradient (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftmaxRegression:
    """`weights` (classes, dim) and `bias` (classes,): class probabilities are the softmax of
    `weights @ x + bias`."""

    weights: Float32s
    bias: Float32s

    @classmethod
    def fit(
        cls,
        vectors: Float32s,
        labels: npt.NDArray[np.intp],
        classes: int,
        *,
        precision: float = PRECISION,
    ) -> Self:
        """Maximum a posteriori; the bias is free. `vectors` (rows, dim), `labels` (rows,) in
        0..classes - 1. A class without rows gets about the probability 0."""
        rows, dim = vectors.shape
        counts = np.bincount(labels, minlength=classes)
        start = np.zeros((classes, dim + 1))
        start[:, dim] = np.log((counts + 0.5) / (rows + 0.5 * classes))

        def objective(flat: Float64s) -> tuple[float, Float64s]:
            parameters = flat.reshape(classes, dim + 1)
            weights = parameters[:, :dim]
            probability = _softmax(
                vectors @ weights.T.astype(np.float32) + parameters[:, dim].astype(np.float32)
            )
            right = probability[np.arange(rows), labels].astype(np.float64)
            loss = -np.log(np.maximum(right, 1e-30)).sum() + precision * (weights**2).sum() / 2
            probability[np.arange(rows), labels] -= 1.0
            gradient = np.empty_like(parameters)
            gradient[:, :dim] = (probability.T @ vectors) + precision * weights
            gradient[:, dim] = probability.sum(axis=0, dtype=np.float64)
            return float(loss), gradient.ravel()

        found = _lbfgs(objective, start.ravel(), tolerance=CONVERGED * rows)
        parameters = found.reshape(classes, dim + 1).astype(np.float32)
        return cls(np.ascontiguousarray(parameters[:, :dim]), parameters[:, dim].copy())

    def probabilities(self, vector: Float32s) -> Float64s:
        """Of every class (classes,), for one vector (dim,)."""
        logits = (self.weights @ vector + self.bias).astype(np.float64)
        odds = np.exp(logits - logits.max())
        shares: Float64s = odds / odds.sum()
        return shares


def _softmax(logits: Float32s) -> Float32s:
    """Row by row (rows, classes), in place: these are the largest arrays of a fit."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _lbfgs(objective: Objective, start: Float64s, *, tolerance: float) -> Float64s:
    """Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.5) with halved steps."""
    at = start
    value, gradient = objective(at)
    pairs: deque[tuple[Float64s, Float64s]] = deque(maxlen=MEMORY)
    for _ in range(STEPS):
        if np.abs(gradient).max() <= tolerance:
            break
        direction = _direction(gradient, pairs)
        slope = float(direction @ gradient)
        if slope >= 0:  # rounding: begin again
            pairs.clear()
            direction, slope = -gradient, -float(gradient @ gradient)
        size = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(gradient).max()))
        for _ in range(HALVINGS):
            new = at + size * direction
            there = objective(new)
            if there[0] <= value + ENOUGH_DESCENT * size * slope:
                break
            size /= 2
        else:
            break
        step, change = new - at, there[1] - gradient
        if float(step @ change) > 0:
            pairs.append((step, change))
        at, (value, gradient) = new, there
    return at


def _direction(gradient: Float64s, pairs: deque[tuple[Float64s, Float64s]]) -> Float64s:
    """The two-loop recursion (algorithm 7.4)."""
    direction = -gradient
    shares = []
    for step, change in reversed(pairs):
        share = float(step @ direction) / float(step @ change)
        direction = direction - share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        direction = direction * (float(step @ change) / float(change @ change))
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        back = float(change @ direction) / float(step @ change)
        direction = direction + (share - back) * step
    return direction
