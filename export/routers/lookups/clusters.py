"""A router that sends each cluster of queries to the expert that is best there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..validation import Indices, best_setting, split_off

__all__ = ["ClusterRouter", "k_means"]

COUNTS = (3, 8, 24, 72)
PUBLISHED = (3,)
MAX_TOKENS = 512
ROUNDS = 50


class ClusterRouter(ResearchRouter):
    """k-means of the training queries; an expert is worth its mean score in a query's cluster.

    Embeddings are all-MiniLM-L6-v2's, where the paper has RoBERTa's, and the number of clusters is
    the one of COUNTS that predicts a held-out tenth best. With `encoder`, the folder of a RoBERTa,
    embeddings are its own, in the 3 clusters of the authors' code.
    """

    name = "C-RoBERTa"
    source = "RouterEval (Huang et al. 2025), its code"

    _centres: Float64s
    _means: Float64s

    def __init__(self, encoder: Path | None = None, *, counts: tuple[int, ...] = ()) -> None:
        self._encoder = encoder
        self._counts = counts or (COUNTS if encoder is None else PUBLISHED)

    def fit(self, train: Pool, *, seed: int) -> None:
        known, held = split_off(len(train), seed=seed)
        vectors, scores = self._vectors(train.queries), train.scores

        def predict(count: int) -> Float64s:
            self._learn(vectors[known], scores[known], count, seed)
            return self._predict(vectors[held])

        count = best_setting(self._counts, predict, scores[held])
        self._learn(vectors, scores, count, seed)

    def utilities(self, queries: Queries) -> Float64s:
        return self._predict(self._vectors(queries))

    def _vectors(self, queries: Queries) -> Float64s:
        if self._encoder is None:
            return queries.embeddings
        from ..networks.encoder import embedded

        return embedded(self._encoder, queries.texts, max_tokens=MAX_TOKENS)

    def _learn(self, vectors: Float64s, scores: Float64s, count: int, seed: int) -> None:
        self._centres = k_means(vectors, count, seed=seed)
        member = _membership(vectors, self._centres)  # (queries, clusters)
        sizes = member.sum(axis=0)[:, None]
        means = member.T @ scores / np.maximum(sizes, 1)
        self._means = np.where(sizes > 0, means, scores.mean(axis=0))

    def _predict(self, vectors: Float64s) -> Float64s:
        return self._means[_closest(vectors, self._centres)]


def k_means(vectors: Float64s, count: int, *, seed: int) -> Float64s:
    """Centres (at most `count`, width) by Lloyd's algorithm from k-means++ seeds."""
    centres = _plus_plus(vectors, min(count, len(vectors)), np.random.default_rng(seed))
    for _ in range(ROUNDS):
        member = _membership(vectors, centres)
        sizes = member.sum(axis=0)[:, None]
        moved = np.where(sizes > 0, member.T @ vectors / np.maximum(sizes, 1), centres)
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def _plus_plus(vectors: Float64s, count: int, random: np.random.Generator) -> Float64s:
    """Seeds drawn one by one, each with a probability that grows with its squared distance."""
    centres = vectors[[random.integers(len(vectors))]]
    while len(centres) < count:
        away = _distances(vectors, centres).min(axis=1)
        if not away.any():  # fewer different vectors than clusters
            break
        drawn = random.choice(len(vectors), p=away / away.sum())
        centres = np.vstack([centres, vectors[drawn]])
    return centres


def _membership(vectors: Float64s, centres: Float64s) -> Float64s:
    return np.eye(len(centres))[_closest(vectors, centres)]


def _closest(vectors: Float64s, centres: Float64s) -> Indices:
    closest: Indices = _distances(vectors, centres).argmin(axis=1)
    return closest


def _distances(vectors: Float64s, centres: Float64s) -> Float64s:
    """Squared distances (queries, clusters)."""
    squares = (vectors**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)
    distances: Float64s = np.maximum(squares - 2 * vectors @ centres.T, 0)
    return distances
