"""Routers that look up the most similar training queries."""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..validation import Indices, best_setting, split_off

__all__ = ["NearestNeighbour", "PRknn"]

COUNTS = (5, 10, 20, 40, 80, 160)
CHUNK = 512


class NearestNeighbour(ResearchRouter):
    """The expert that did best on the most similar training query, by cosine of embeddings."""

    name = "1NN"
    source = "TO-Router (Stripelis et al. 2024), section 4.4"

    _train: Pool

    def fit(self, train: Pool, *, seed: int) -> None:  # noqa: ARG002 - nothing is random
        self._train = train

    def utilities(self, queries: Queries) -> Float64s:
        nearest = _nearest(queries.embeddings, self._train.queries.embeddings, 1)
        return self._train.scores[nearest[:, 0]]


class PRknn(ResearchRouter):
    """Performance regression: an expert's mean score on the k most similar training queries.

    k is the one of COUNTS that predicts a held-out tenth best; the authors' code has k = 5.
    """

    name = "PRknn"
    source = "RouterEval (Huang et al. 2025), its code"

    _train: Pool
    _count: int

    def __init__(self, counts: tuple[int, ...] = COUNTS) -> None:
        self._counts = counts

    def fit(self, train: Pool, *, seed: int) -> None:
        self._train = train
        known, held = split_off(len(train), seed=seed)
        vectors, scores = train.queries.embeddings, train.scores
        nearest = known[_nearest(vectors[held], vectors[known], max(self._counts))]
        self._count = best_setting(
            self._counts, lambda count: _mean_scores(scores, nearest[:, :count]), scores[held]
        )

    def utilities(self, queries: Queries) -> Float64s:
        nearest = _nearest(queries.embeddings, self._train.queries.embeddings, self._count)
        return _mean_scores(self._train.scores, nearest)


def _mean_scores(scores: Float64s, nearest: Indices) -> Float64s:
    total = np.zeros((len(nearest), scores.shape[1]))
    for column in nearest.T:  # one neighbour at a time: all at once would be gigabytes
        total += scores[column]
    mean: Float64s = total / nearest.shape[1]
    return mean


def _nearest(vectors: Float64s, known: Float64s, count: int) -> Indices:
    """Rows of the `count` most similar vectors of `known`, nearest first: (queries, count)."""
    nearest = np.zeros((len(vectors), min(count, len(known))), dtype=np.int64)
    for at in range(0, len(vectors), CHUNK):
        away = -vectors[at : at + CHUNK] @ known.T  # (chunk, known)
        some = np.argpartition(away, nearest.shape[1] - 1, axis=1)[:, : nearest.shape[1]]
        order = np.take_along_axis(away, some, axis=1).argsort(axis=1, kind="stable")
        nearest[at : at + CHUNK] = np.take_along_axis(some, order, axis=1)
    return nearest
