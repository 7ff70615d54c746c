"""Bradley-Terry strengths for each query, from training pairs weighted by similarity."""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

from ..base import Pool, Queries, ResearchRouter

__all__ = ["SWRanking", "bradley_terry", "similarity_weights"]

GAMMA = 10.0
CHUNK = 512
NEWTON_STEPS = 50


def similarity_weights(similarities: Float64s, gamma: float = GAMMA) -> Float64s:
    """gamma^(1 + S), S the cosine over its largest for the query (RouteLLM, Ong et al. 2024).

    `similarities` and the result (queries, training queries).
    """
    largest = similarities.max(axis=1, keepdims=True)
    weights: Float64s = gamma ** (1 + similarities / np.maximum(largest, 1e-9))
    return weights


def bradley_terry(wins: Float64s) -> Float64s:
    """Maximum-likelihood strengths (queries, experts) on the logistic scale, of mean 0.

    `wins` (queries, experts, experts) is the weight of the row expert's wins over the column's,
    positive off the diagonal: who never won has no finite strength.
    """
    experts = wins.shape[1]
    games = wins + wins.transpose(0, 2, 1)
    strengths = np.zeros(wins.shape[:2])
    level = np.full((experts, experts), games.mean())  # strengths have no level of their own
    for _ in range(NEWTON_STEPS):
        expected = sigmoid(strengths[:, :, None] - strengths[:, None, :])
        gradient = (wins - games * expected).sum(axis=2)
        spread = games * expected * (1 - expected)  # (queries, experts, experts)
        curve = np.eye(experts) * spread.sum(axis=2)[:, :, None] - spread
        step = np.linalg.solve(curve + level, gradient[:, :, None])[:, :, 0]
        strengths += np.clip(step, -2, 2)  # far from the optimum Newton's step overshoots
        if np.abs(step).max() < 1e-9:
            break
    return strengths


class SWRanking(ResearchRouter):
    """Similarity-weighted ranking, on local embeddings.

    A tie is half a win for both. One more tie of average weight keeps all strengths finite.
    """

    name = "SW"
    source = "RouteLLM (Ong et al. 2024), routing approaches"

    _known: Float64s
    _wins: Float64s  # (training queries, experts * experts)

    def fit(self, train: Pool, *, seed: int) -> None:  # noqa: ARG002 - nothing is random
        self._known = train.queries.embeddings
        lift = train.scores[:, :, None] - train.scores[:, None, :]
        self._wins = ((1 + np.sign(lift)) / 2).reshape(len(train), -1)

    def utilities(self, queries: Queries) -> Float64s:
        chunks = range(0, len(queries), CHUNK)
        return np.concatenate([self._rank(queries.embeddings[at : at + CHUNK]) for at in chunks])

    def _rank(self, vectors: Float64s) -> Float64s:
        weights = similarity_weights(vectors @ self._known.T)
        tie = 0.5 * weights.mean(axis=1, keepdims=True)
        wins = (weights @ self._wins + tie) / weights.sum(axis=1, keepdims=True)
        experts = round(self._wins.shape[1] ** 0.5)
        wins = wins.reshape(-1, experts, experts)
        return bradley_terry(wins * (1 - np.eye(experts)))
