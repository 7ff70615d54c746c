"""A head on the embedding: softmax regression fitted to the agents' examples, on the device.

For agents with ten examples or more each it is much better than similarity alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.learning.softmax_regression import QUICK, SoftmaxRegression
from edge_router.routing.arrays import Float32s

from ..catalog.catalog import CatalogView
from .word_sketch import WordSketch, sketches

__all__ = ["AgentHead", "Lesson"]

PENALTY = 0.05  # chosen on CLINC150's validation split, with 10 examples an agent
SKETCH_WEIGHT = 0.7  # of the n-grams beside the embedding, chosen there too
LEAST_EXAMPLES = 3  # of an agent; with fewer, it competes by similarity


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a head learns from: the examples of the agents called `names`, and as an example more
    each one's spoken name and description. `vectors` (texts, dim), `labels` (texts,) in names."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    vectors: Float32s
    labels: npt.NDArray[np.intp]

    @classmethod
    def of(cls, view: CatalogView) -> Self | None:
        """Of all agents with LEAST_EXAMPLES or more; None for fewer than two such agents."""
        counts = np.bincount(view.owners, minlength=len(view.agents))
        rows = np.flatnonzero(counts >= LEAST_EXAMPLES)
        if len(rows) < 2:
            return None
        label = np.full(len(view.agents), -1, dtype=np.intp)
        label[rows] = np.arange(len(rows))
        used = np.flatnonzero(label[view.owners] >= 0)
        agents = [view.agents[row] for row in rows]
        examples = [text for agent in agents for text in agent.examples]
        return cls(
            tuple(agent.name for agent in agents),
            (*examples, *(agent.spoken for agent in agents)),
            np.vstack([view.examples[used], view.spoken[rows]]),
            np.concatenate([label[view.owners[used]], label[rows]]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class AgentHead:
    """Log-odds of the agents called `names`, from an embedding and a sketch."""

    names: tuple[str, ...]
    words: WordSketch
    regression: SoftmaxRegression

    @classmethod
    def fit(cls, view: CatalogView) -> Self | None:
        """From the `Lesson` of the view; None where there is none."""
        lesson = Lesson.of(view)
        if lesson is None:
            return None
        grams = sketches(lesson.texts)
        words = WordSketch.fit(grams)
        regression = SoftmaxRegression.fit(
            features(lesson.vectors, words.apply(grams)),
            lesson.labels,
            classes=len(lesson.names),
            penalty=PENALTY,
            class_weights="equal",
            search=QUICK,
        )
        return cls(lesson.names, words, regression)

    def log_odds(self, vectors: Float32s, grams: Float32s) -> Float32s:
        """(queries, names) from embeddings (queries, dim) and `sketches` (queries, DIM)."""
        return self.regression.log_odds(features(vectors, self.words.apply(grams)))

    def log_odds_of(self, vector: Float32s, grams: Float32s) -> Float32s:
        """(names,) for one query, from its embedding (dim,) and its sketch (DIM,).

        Few of a sketch's numbers are not zero: no other weights are read.
        """
        table, dim = self.regression.weights, len(vector)
        places = (grams != 0).nonzero()[0]
        weighted = grams[places] * self.words.weights[places]
        weighted *= SKETCH_WEIGHT / max(math.sqrt(weighted @ weighted), 1e-6)
        odds: Float32s = vector @ table[:dim] + weighted @ table[dim + places]
        return odds + self.regression.bias


def features(vectors: Float32s, grams: Float32s) -> Float32s:
    """(texts, dim + DIM)."""
    return np.hstack([vectors, np.float32(SKETCH_WEIGHT) * grams])
