"""Elo ratings of the experts from their judged pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..pairs import judge

__all__ = ["EloRouter", "elo_ratings"]

BASE = 1000.0
SCALE = 400.0


def elo_ratings(
    pairs: Iterable[tuple[int, int, float]],
    experts: int,
    *,
    k: float = 4.0,
    base: float = BASE,
    scale: float = SCALE,
) -> Float64s:
    """Ratings (experts,) after all `pairs` in turn: first expert, second, result of the first.

    A result is 1 for a win, 1/2 for a tie, 0 for a loss; it moves both ratings by k times what it
    differs from 1 / (1 + 10^((R_second - R_first) / scale)) (Elo 1978; MoMA 2025, section 4.1.2).
    """
    ratings = [base] * experts
    for first, second, result in pairs:
        expected = 1 / (1 + 10 ** ((ratings[second] - ratings[first]) / scale))
        ratings[first] += k * (result - expected)
        ratings[second] -= k * (result - expected)
    return np.array(ratings)


class EloRouter(ResearchRouter):
    """The highest rated expert for every query, from training pairs in random order.

    Utilities are ratings on the logistic scale: the softmax of two is the expected result.
    """

    name = "Elo"
    source = "MoMA (2025), section 4.1.2"

    _strengths: Float64s

    def fit(self, train: Pool, *, seed: int) -> None:
        pairs = judge(train.scores)
        results = (1 + np.sign(pairs.lift)) / 2  # (queries, pairs)
        order = np.random.default_rng(seed).permutation(results.size)
        column = order % len(pairs.first)
        first, second = pairs.first[column].tolist(), pairs.second[column].tolist()
        judged = zip(first, second, results.ravel()[order].tolist(), strict=True)
        ratings = elo_ratings(judged, len(train.experts))
        self._strengths = (ratings - BASE) * math.log(10) / SCALE

    def utilities(self, queries: Queries) -> Float64s:
        return np.tile(self._strengths, (len(queries), 1))
