"""Routers that are linear in the frozen embedding."""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

from ...training.heads import LinearHead, fit_model_head
from ..base import Pool, Queries, ResearchRouter
from ..validation import best_setting, split_off

__all__ = ["RidgeGain", "WeakIsWrong", "ridge"]

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


def ridge(vectors: Float64s, targets: Float64s, strength: float) -> Float64s:
    """Weights (1 + width, experts) of a ridge regression; the first row is not shrunk.

    `vectors` (queries, width), `targets` (queries, experts).
    """
    middle, level = vectors.mean(axis=0), targets.mean(axis=0)
    centred = vectors - middle
    precision = centred.T @ centred + strength * np.eye(vectors.shape[1])
    weights = np.linalg.solve(precision, centred.T @ (targets - level))
    return np.vstack([level - middle @ weights, weights])


def _predict(weights: Float64s, vectors: Float64s) -> Float64s:
    predicted: Float64s = weights[0] + vectors @ weights[1:]
    return predicted


class RidgeGain(ResearchRouter):
    """Ridge regression of each expert's score, its strength chosen on a held-out tenth."""

    name = "Ridge gain"
    source = "a strong simple baseline of our own"

    _weights: Float64s

    def fit(self, train: Pool, *, seed: int) -> None:
        known, held = split_off(len(train), seed=seed)
        vectors, scores = train.queries.embeddings, train.scores
        strength = best_setting(
            STRENGTHS,
            lambda trial: _predict(ridge(vectors[known], scores[known], trial), vectors[held]),
            scores[held],
        )
        self._weights = ridge(vectors, scores, strength)

    def utilities(self, queries: Queries) -> Float64s:
        return _predict(self._weights, queries.embeddings)


class WeakIsWrong(ResearchRouter):
    """Logistic regression of the weakest expert's failure; nothing is learned of the others.

    The weakest is worth the probability that it is right, each other that it is wrong.
    """

    name = "weak-is-wrong"
    source = "a simple baseline of our own"

    _head: LinearHead
    _experts: int

    def fit(self, train: Pool, *, seed: int) -> None:  # noqa: ARG002 - nothing is random
        vectors = train.queries.embeddings
        prior = LinearHead(0.0, np.zeros(vectors.shape[1]))
        self._head = fit_model_head(vectors, train.scores[:, 0], prior)
        self._experts = len(train.experts)

    def utilities(self, queries: Queries) -> Float64s:
        right = sigmoid(self._head.log_odds(queries.embeddings))  # (queries,)
        return np.column_stack([right, *[1 - right] * (self._experts - 1)])
