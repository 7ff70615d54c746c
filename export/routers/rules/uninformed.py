"""Routers that ignore the query."""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter

__all__ = ["RandomRouter", "ZeroRouter"]

HAIR = 1e-6  # decides between experts, and leaves the softmax uniform


class RandomRouter(ResearchRouter):
    """Any expert with equal probability; the same queries get the same experts."""

    classifies = True
    name = "Random"
    source = "TO-Router (Stripelis et al. 2024), section 4.4"

    _seed: int
    _experts: int

    def fit(self, train: Pool, *, seed: int) -> None:
        self._seed, self._experts = seed, len(train.experts)

    def utilities(self, queries: Queries) -> Float64s:
        random = np.random.default_rng(self._seed)
        return HAIR * random.random((len(queries), self._experts))


class ZeroRouter(ResearchRouter):
    """No preference: what a uniform choice scores is the mean expert's score."""

    classifies = True
    name = "Zero"
    source = "TO-Router (Stripelis et al. 2024), section 4.4"

    _experts: int

    def fit(self, train: Pool, *, seed: int) -> None:  # noqa: ARG002 - nothing is random
        self._experts = len(train.experts)

    def utilities(self, queries: Queries) -> Float64s:
        return np.zeros((len(queries), self._experts))
