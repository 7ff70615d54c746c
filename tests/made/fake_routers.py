"""Routers for the tests: one that knows the kind of task, and ones that misbehave."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edge_router.export.routers.base import Pool, Queries, ResearchRouter
from edge_router.routing.arrays import Float64s


class KindRouter(ResearchRouter):
    """Mean train score by kind, a little noise, and a count of its fits."""

    name = "by kind"
    source = "these tests"
    fits: ClassVar[list[int]] = []

    def fit(self, train: Pool, *, seed: int) -> None:
        self.fits.append(seed)
        kinds = train.queries.kinds
        self._means = {str(k): train.scores[kinds == k].mean(axis=0) for k in set(kinds.tolist())}
        self._random = np.random.default_rng(seed)

    def utilities(self, queries: Queries) -> Float64s:
        result = np.array([self._means[kind] for kind in queries.kinds.tolist()])
        return result + 0.01 * self._random.random(result.shape)


class KilledRouter(KindRouter):
    """Dies in its first fit, once, as if the machine were switched off."""

    name = "killed"
    alive: ClassVar[list[bool]] = []

    def fit(self, train: Pool, *, seed: int) -> None:
        if not self.alive:
            self.alive.append(True)
            raise KeyboardInterrupt
        super().fit(train, seed=seed)


class NoNumberRouter(KindRouter):
    """Is sure of nothing."""

    name = "no number"

    def utilities(self, queries: Queries) -> Float64s:
        return np.full((len(queries), 2), np.nan)


class OneColumnRouter(KindRouter):
    """Forgets an expert."""

    name = "one column"

    def utilities(self, queries: Queries) -> Float64s:
        return np.zeros((len(queries), 1))
