"""The interface of every research router: fit on a pool's outcomes, then rank its experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s

__all__ = ["Pool", "Queries", "ResearchRouter", "log_softmax"]


@dataclass(frozen=True, slots=True)
class Queries:
    """What a router may look at.

    `texts` as the router reads them (cut to the artifact's max_chars), `kinds` (queries,) the task
    kinds by name, `characters` (queries,) the lengths before any cut, `embeddings` (queries, width)
    the frozen sentence embeddings of all-MiniLM-L6-v2, each of length 1.
    """

    texts: tuple[str, ...]
    kinds: npt.NDArray[np.str_]
    characters: npt.NDArray[np.int64]
    embeddings: Float64s

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Pool:
    """Queries with the outcomes of the experts to choose from: `scores` (queries, experts) in
    0..1, none missing, in the order of `experts`, from the weakest to the strongest."""

    queries: Queries
    experts: tuple[str, ...]
    scores: Float64s

    def __len__(self) -> int:
        return len(self.queries)


class ResearchRouter(Protocol):
    """A router from the literature. `name` as its paper calls it, `source` paper and section."""

    name: str
    source: str

    def fit(self, train: Pool, *, seed: int) -> None:
        """Learn from a pool's training rows; the same seed gives the same router."""
        ...

    def utilities(self, queries: Queries) -> Float64s:
        """How much the router wants each expert: (queries, experts), larger is better.

        The softmax of a row is the router's distribution over experts (a classifier gives log
        probabilities, a regressor predicted scores), the difference of two columns its order of
        queries for a pair.
        """
        ...


def log_softmax(logits: Float64s) -> Float64s:
    """Log probabilities of rows of logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Float64s = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
