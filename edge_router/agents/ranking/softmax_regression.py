"""Multinomial logistic (softmax) regression with an L2 penalty, by L-BFGS, in numpy.

L-BFGS as in Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s

__all__ = ["SoftmaxRegression"]

HISTORY = 8  # pairs of steps and changes of the gradient
STEPS = 80
HALVINGS = 12
CONVERGED = 1e-3  # of the gradient's length at the start
ENOUGH = 1e-4  # Armijo's share of the decrease that the slope promises

Objective = Callable[[Float32s], tuple[float, Float32s]]


@dataclass(frozen=True, slots=True, eq=False)
class SoftmaxRegression:
    """`weights` (features, classes) and `bias` (classes,)."""

    weights: Float32s
    bias: Float32s

    @classmethod
    def fit(
        cls, features: Float32s, labels: npt.NDArray[np.intp], *, classes: int, penalty: float
    ) -> Self:
        """`features` (examples, features), `labels` (examples,) in 0..classes - 1.

        Minimises the cross-entropy, every class counting the same whatever its examples, plus
        `penalty` / 2 times the squared weights. Deterministic.
        """
        counts = np.bincount(labels, minlength=classes)
        each = (len(labels) / classes / np.maximum(counts, 1))[labels].astype(np.float32)
        rows = np.arange(len(labels))
        size = features.shape[1]

        def objective(flat: Float32s) -> tuple[float, Float32s]:
            at = flat.reshape(size + 1, classes)
            odds = features @ at[:-1] + at[-1]
            odds -= odds.max(1, keepdims=True)
            shares = np.exp(odds)
            total = shares.sum(1, keepdims=True)
            surprise = np.log(total[:, 0]) - odds[rows, labels]
            shares /= total
            shares[rows, labels] -= 1
            shares *= each[:, None]
            gradient = np.vstack([features.T @ shares + penalty * at[:-1], shares.sum(0)[None]])
            squared = float(np.vdot(at[:-1], at[:-1]))
            return float(surprise @ each) + penalty / 2 * squared, gradient.ravel()

        best = _minimum(objective, np.zeros((size + 1) * classes, dtype=np.float32))
        table = best.reshape(size + 1, classes)
        return cls(table[:-1].copy(), table[-1].copy())

    def log_odds(self, features: Float32s) -> Float32s:
        """(queries, classes): logits, before the softmax."""
        return features @ self.weights + self.bias


def _minimum(objective: Objective, start: Float32s) -> Float32s:
    at = start
    value, gradient = objective(at)
    enough = CONVERGED * float(np.linalg.norm(gradient))
    pairs: deque[tuple[Float32s, Float32s]] = deque(maxlen=HISTORY)
    for _ in range(STEPS):
        if float(np.linalg.norm(gradient)) <= enough:
            break
        step = _direction(gradient, pairs)
        slope = float(gradient @ step)
        rate = 1.0 if pairs else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        for _ in range(HALVINGS):
            new = at + np.float32(rate) * step
            new_value, new_gradient = objective(new)
            if new_value <= value + ENOUGH * rate * slope:
                break
            rate /= 2
        else:
            break
        moved, change = new - at, new_gradient - gradient
        if float(moved @ change) > 0:
            pairs.append((moved, change))
        at, value, gradient = new, new_value, new_gradient
    return at


def _direction(gradient: Float32s, pairs: deque[tuple[Float32s, Float32s]]) -> Float32s:
    """Minus the inverse Hessian, as the `pairs` estimate it, times the gradient."""
    direction = -gradient
    shares = []
    for moved, change in reversed(pairs):
        share = float(moved @ direction) / float(moved @ change)
        direction = direction - np.float32(share) * change
        shares.append(share)
    if pairs:
        moved, change = pairs[-1]
        direction = direction * np.float32(float(moved @ change) / float(change @ change))
    for (moved, change), share in zip(pairs, reversed(shares), strict=True):
        back = float(change @ direction) / float(moved @ change)
        direction = direction + np.float32(share - back) * moved
    return direction
