"""Multinomial logistic (softmax) regression with an L2 penalty, fitted on the device by L-BFGS.

The heads of agents and of tasks are such regressions on a query's embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s, Float64s

from .lbfgs import lbfgs

__all__ = ["FINE", "QUICK", "Search", "SoftmaxRegression"]


@dataclass(frozen=True, slots=True)
class Search:
    """How closely the minimum is approached.

    L-BFGS ends where the gradient's length is at most `enough` of that at the start, or, if
    `per_row`, where no entry of the gradient is above `enough` times the rows. The parameters are
    kept as `dtype`; the large products are float32 in any case.
    """

    enough: float
    per_row: bool
    steps: int
    memory: int
    halvings: int
    dtype: type[np.floating[Any]]


QUICK = Search(1e-3, per_row=False, steps=80, memory=8, halvings=12, dtype=np.float32)
"""For thousands of features, whose order of scores matters."""

FINE = Search(1e-4, per_row=True, steps=300, memory=10, halvings=30, dtype=np.float64)
"""For probabilities that are read as such."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftmaxRegression:
    """`weights` (features, classes) and `bias` (classes,): class probabilities are the softmax of
    `x @ weights + bias`."""

    weights: Float32s
    bias: Float32s

    @classmethod
    def fit(
        cls,
        features: Float32s,
        labels: npt.NDArray[np.intp],
        *,
        classes: int,
        penalty: float,
        class_weights: Literal["by rows", "equal"] = "by rows",
        search: Search = FINE,
    ) -> Self:
        """`features` (rows, features), `labels` (rows,) in 0..classes - 1.

        Minimises the cross-entropy plus `penalty` / 2 times the squared weights, the bias left
        free. With the `class_weights` "equal" every class counts the same, whatever its rows: right
        where the rows say nothing of how often a class is asked for. "by rows" every row counts the
        same, and a class without rows gets about the probability 0. Deterministic.
        """
        rows, size = features.shape
        equal = class_weights == "equal"
        counts = np.bincount(labels, minlength=classes)
        each = (rows / classes / np.maximum(counts, 1))[labels] if equal else np.ones(rows)
        start = np.zeros((size + 1, classes), dtype=search.dtype)
        if not equal:
            start[-1] = np.log((counts + 0.5) / (rows + 0.5 * classes))
        best = lbfgs(
            _objective(features, labels, each.astype(np.float32), classes, penalty),
            start.ravel(),
            size_of=_largest if search.per_row else _length,
            enough=search.enough * rows if search.per_row else search.enough,
            relative=not search.per_row,
            memory=search.memory,
            steps=search.steps,
            halvings=search.halvings,
        )
        table = best.reshape(size + 1, classes).astype(np.float32)
        return cls(table[:-1].copy(), table[-1].copy())

    def log_odds(self, features: Float32s) -> Float32s:
        """(queries, classes): logits, before the softmax."""
        return features @ self.weights + self.bias

    def probabilities(self, vector: Float32s) -> Float64s:
        """Of every class (classes,), for one vector (features,)."""
        logits = self.log_odds(vector).astype(np.float64)
        odds = np.exp(logits - logits.max())
        shares: Float64s = odds / odds.sum()
        return shares


def _objective(
    features: Float32s, labels: npt.NDArray[np.intp], each: Float32s, classes: int, penalty: float
) -> Callable[[Any], tuple[float, Any]]:
    """The penalised loss and its gradient, both at a flat table (features + 1, classes) whose last
    row is the bias; `each` (rows,) weighs the rows."""
    rows, size = np.arange(len(labels)), features.shape[1]

    def value_and_gradient(flat: Any) -> tuple[float, Any]:
        table = flat.reshape(size + 1, classes)
        weights = table[:-1]
        odds = features @ weights.astype(np.float32) + table[-1].astype(np.float32)
        odds -= odds.max(1, keepdims=True)
        shares = np.exp(odds)
        total = shares.sum(1, keepdims=True)
        surprise = np.log(total[:, 0]) - odds[rows, labels]  # (rows,)
        shares /= total
        shares[rows, labels] -= 1
        shares *= each[:, None]
        gradient = np.empty_like(table)
        gradient[:-1] = features.T @ shares + penalty * weights
        gradient[-1] = shares.sum(0, dtype=flat.dtype)
        squared = float(np.vdot(weights, weights))
        return float(surprise @ each) + penalty / 2 * squared, gradient.ravel()

    return value_and_gradient


def _largest(gradient: Any) -> float:
    return float(np.abs(gradient).max())


def _length(gradient: Any) -> float:
    return float(np.linalg.norm(gradient))
