"""Multinomial logistic (softmax) regression with an L2 penalty, by L-BFGS, in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.learning.lbfgs import lbfgs
from edge_router.routing.arrays import Float32s

__all__ = ["SoftmaxRegression"]

HISTORY = 8  # pairs of steps and changes of the gradient
STEPS = 80
HALVINGS = 12
CONVERGED = 1e-3  # of the gradient's length at the start


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

        best = lbfgs(
            objective,
            np.zeros((size + 1) * classes, dtype=np.float32),
            size_of=lambda gradient: float(np.linalg.norm(gradient)),
            enough=CONVERGED,
            relative=True,
            memory=HISTORY,
            steps=STEPS,
            halvings=HALVINGS,
        )
        table = best.reshape(size + 1, classes)
        return cls(table[:-1].copy(), table[-1].copy())

    def log_odds(self, features: Float32s) -> Float32s:
        """(queries, classes): logits, before the softmax."""
        return features @ self.weights + self.bias
