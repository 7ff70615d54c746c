"""Other heads on the same frozen embedding, judged on dev: what is left to gain without a new one.

The shipped head is a softmax regression on the embedding beside n-grams. The others leave out one
of the two, whiten the embedding by the covariance within agents (linear discriminant analysis, with
a third of it shrunk to the identity), or add the nearest example's cosine or a second head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.catalog.embedding import Embedder
from edge_router.agents.ranking.head import PENALTY, SKETCH_WEIGHT, Lesson
from edge_router.agents.ranking.word_sketch import WordSketch, sketches
from edge_router.learning.softmax_regression import QUICK, SoftmaxRegression
from edge_router.routing.arrays import Float32s

from .intents import Intents

__all__ = ["other_heads"]

SHRINKAGE = 0.3
NEAREST_WEIGHT = 3.0  # log-odds per unit of cosine
WHITENED = "whitened embedding and n-grams"


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """Embeddings (texts, dim) and n-grams (texts, DIM) to learn from, and of dev requests."""

    vectors: Float32s
    grams: Float32s
    dev_vectors: Float32s
    dev_grams: Float32s


def other_heads(
    intents: Intents, embedder: Embedder, examples: int, *, draws: int
) -> dict[str, float]:
    """Accuracy on dev without abstention by head, "shipped" among them: means over draws."""
    accuracies = [_drawn(intents, embedder, examples, seed) for seed in range(draws)]
    return {name: float(np.mean([one[name] for one in accuracies])) for name in accuracies[0]}


def _drawn(intents: Intents, embedder: Embedder, examples: int, seed: int) -> dict[str, float]:
    view = AgentCatalog(embedder, intents.agents(examples, seed)).view()
    lesson = Lesson.of(view)
    if lesson is None:
        raise ValueError(f"{examples} examples an agent are too few for a head")
    asked = [text for text, _ in intents.dev]
    grams = sketches(lesson.texts)
    words = WordSketch.fit(grams)
    plain = _Inputs(
        lesson.vectors, words.apply(grams), embedder.embed(asked), words.apply(sketches(asked))
    )
    right = np.array([lesson.names.index(name) for _, name in intents.dev])
    return {
        name: float(np.mean(odds.argmax(1) == right)) for name, odds in _odds(plain, lesson).items()
    }


def _odds(plain: _Inputs, lesson: Lesson) -> Mapping[str, Float32s]:
    """Log-odds (requests, agents) of every head."""
    white = _whitened(plain, lesson.labels)
    shipped = _fitted(plain, lesson, embedding=1.0, grams=SKETCH_WEIGHT)
    whitened = _fitted(white, lesson, embedding=1.0, grams=SKETCH_WEIGHT)
    return {
        "shipped": shipped,
        "embedding alone": _fitted(plain, lesson, embedding=1.0, grams=0.0),
        "n-grams alone": _fitted(plain, lesson, embedding=0.0, grams=1.0),
        WHITENED: whitened,
        "whitened embedding alone": _fitted(white, lesson, embedding=1.0, grams=0.0),
        "shipped, and the nearest example": shipped + NEAREST_WEIGHT * _nearest(plain, lesson),
        "shipped, and the whitened one": _log_softmax(shipped) + _log_softmax(whitened),
    }


def _fitted(inputs: _Inputs, lesson: Lesson, *, embedding: float, grams: float) -> Float32s:
    weights = np.float32(embedding), np.float32(grams)
    learned = np.hstack([weights[0] * inputs.vectors, weights[1] * inputs.grams])
    asked = np.hstack([weights[0] * inputs.dev_vectors, weights[1] * inputs.dev_grams])
    head = SoftmaxRegression.fit(
        learned,
        lesson.labels,
        classes=len(lesson.names),
        penalty=PENALTY,
        class_weights="equal",
        search=QUICK,
    )
    return head.log_odds(asked)


def _whitened(plain: _Inputs, labels: npt.NDArray[np.intp]) -> _Inputs:
    """The same with embeddings whose covariance within agents is about the identity."""
    vectors = plain.vectors
    sums = np.zeros((labels.max() + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, labels, vectors)
    means = sums / np.bincount(labels)[:, None]
    rest = vectors - means[labels]
    within = rest.T @ rest / len(rest)
    identity = np.eye(len(within), dtype=np.float32)
    shrunk = (1 - SHRINKAGE) * within * len(within) / np.trace(within) + SHRINKAGE * identity
    turn = np.linalg.cholesky(np.linalg.inv(shrunk)).astype(np.float32)

    def turned(rows: Float32s) -> Float32s:
        moved = (rows - vectors.mean(0)) @ turn
        scaled: Float32s = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return scaled

    return _Inputs(turned(vectors), plain.grams, turned(plain.dev_vectors), plain.dev_grams)


def _nearest(plain: _Inputs, lesson: Lesson) -> Float32s:
    """(requests, agents): the cosine with each agent's nearest text."""
    order = np.argsort(lesson.labels, kind="stable")
    starts = np.searchsorted(lesson.labels[order], np.arange(len(lesson.names)))
    nearest: Float32s = np.maximum.reduceat(
        plain.dev_vectors @ plain.vectors[order].T, starts, axis=1
    )
    return nearest


def _log_softmax(odds: Float32s) -> Float32s:
    shifted = odds - odds.max(1, keepdims=True)
    logs: Float32s = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return logs
