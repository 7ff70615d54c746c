"""The interface of every research router: fit on a pool's outcomes, then rank its experts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s

__all__ = ["DEFAULT", "FineTuning", "Pool", "Queries", "ResearchRouter", "log_softmax"]


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


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How a router that fine-tunes an encoder trains, and on which encoder.

    `epochs` over at most `max_rows` training rows, all without it, as TO-Router's appendix D has
    it. `encoder` is the folder of a BERT or RoBERTa with its tokenizer; without one it is
    all-MiniLM-L6-v2, and what RouterEval fine-tunes whole stays frozen.
    """

    epochs: int = 5
    max_rows: int | None = None
    encoder: Path | None = None


DEFAULT = FineTuning()


class ResearchRouter(Protocol):
    """A router from the literature. `name` as its paper calls it, `source` paper and section.

    `classifies` says that the router is a classifier of experts: the softmax of its utilities is
    its own distribution over them. The others state none, they pick.
    """

    name: str
    source: str
    classifies: bool = False

    def fit(self, train: Pool, *, seed: int) -> None:
        """Learn from a pool's training rows; the same seed gives the same router."""
        ...

    def utilities(self, queries: Queries) -> Float64s:
        """How much the router wants each expert: (queries, experts), larger is better.

        A classifier gives logits or log probabilities, a regressor predicted scores; the
        difference of two columns is the order of queries for a pair.
        """
        ...


def log_softmax(logits: Float64s) -> Float64s:
    """Log probabilities of rows of logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Float64s = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
