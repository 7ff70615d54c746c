"""A head on the embedding: softmax regression fitted to the agents' examples, on the device.

For agents with ten examples or more each it is much better than similarity alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_router.learning.softmax_regression import QUICK, SoftmaxRegression
from edge_router.routing.arrays import Float32s

from ..catalog.catalog import CatalogView
from .word_sketch import WordSketch, sketches

__all__ = ["AgentHead"]

PENALTY = 0.05  # chosen on CLINC150's validation split, with 10 examples an agent
SKETCH_WEIGHT = 0.7  # of the n-grams beside the embedding, chosen there too
LEAST_EXAMPLES = 3  # of an agent; with fewer, it competes by similarity


@dataclass(frozen=True, slots=True, eq=False)
class AgentHead:
    """Log-odds of the agents called `names`, from an embedding and a sketch."""

    names: tuple[str, ...]
    words: WordSketch
    regression: SoftmaxRegression

    @classmethod
    def fit(cls, view: CatalogView) -> Self | None:
        """From the examples of all agents with LEAST_EXAMPLES or more; None for fewer than two such
        agents. The spoken name and description is an example more."""
        counts = np.bincount(view.owners, minlength=len(view.agents))
        rows = np.flatnonzero(counts >= LEAST_EXAMPLES)
        if len(rows) < 2:
            return None
        label = np.full(len(view.agents), -1, dtype=np.intp)
        label[rows] = np.arange(len(rows))
        used = np.flatnonzero(label[view.owners] >= 0)
        texts = [text for row in rows for text in view.agents[row].examples]
        texts += [view.agents[row].spoken for row in rows]
        grams = sketches(texts)
        words = WordSketch.fit(grams)
        vectors = np.vstack([view.examples[used], view.spoken[rows]])
        labels = np.concatenate([label[view.owners[used]], label[rows]])
        regression = SoftmaxRegression.fit(
            features(vectors, words.apply(grams)),
            labels,
            classes=len(rows),
            penalty=PENALTY,
            class_weights="equal",
            search=QUICK,
        )
        return cls(tuple(view.agents[row].name for row in rows), words, regression)

    def log_odds(self, vectors: Float32s, grams: Float32s) -> Float32s:
        """(queries, names) from embeddings (queries, dim) and `sketches` (queries, DIM)."""
        return self.regression.log_odds(features(vectors, self.words.apply(grams)))


def features(vectors: Float32s, grams: Float32s) -> Float32s:
    """(texts, dim + DIM)."""
    return np.hstack([vectors, np.float32(SKETCH_WEIGHT) * grams])
