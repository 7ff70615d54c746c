"""A baseline that reads words: ridge regression on hashed TF-IDF of words and letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self
from zlib import crc32

import numpy as np

from edge_router.routing.arrays import Float32s, Float64s
from edge_router.routing.artifact.novelty import unit_rows

__all__ = ["WordRidge"]

FEATURES = 2**13
LETTERS = (3, 4)  # letters in a row, within a word and its blanks
MAX_CHARS = 1024
PENALTY = 1.0


@dataclass(frozen=True, slots=True)
class WordRidge:
    """Linear in the TF-IDF of words, pairs of words and letters, hashed into 8,192 features."""

    weights: Float64s
    centre: Float64s
    rarity: Float32s

    @classmethod
    def fit(cls, texts: Sequence[str], targets: Float64s) -> Self:
        """`targets` (texts, numbers), all finite."""
        counts = _counted(texts)
        rarity = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0))) + 1
        features = _weighed(counts, rarity.astype(np.float32))
        centre = targets.mean(axis=0)
        kernel = (features @ features.T).astype(np.float64) + PENALTY * np.eye(len(texts))
        return cls(
            (features.T @ np.linalg.solve(kernel, targets - centre)).astype(np.float64),
            centre,
            rarity.astype(np.float32),
        )

    def predict(self, texts: Sequence[str]) -> Float64s:
        """(texts, numbers)."""
        predicted: Float64s = _weighed(_counted(texts), self.rarity) @ self.weights + self.centre
        return predicted


def _counted(texts: Sequence[str]) -> Float32s:
    counts = np.zeros((len(texts), FEATURES), dtype=np.float32)
    for row, text in enumerate(texts):
        for feature, count in Counter(_features(text[:MAX_CHARS].lower())).items():
            counts[row, crc32(feature.encode()) % FEATURES] += 1 + np.log(count)
    return counts


def _features(text: str) -> Iterator[str]:
    words = text.split()
    yield from words
    yield from (f"{one} {two}" for one, two in pairwise(words))
    for word in words:
        padded = f" {word} "
        for size in LETTERS:
            yield from (padded[at : at + size] for at in range(max(1, len(padded) - size + 1)))


def _weighed(counts: Float32s, rarity: Float32s) -> Float32s:
    return unit_rows(counts * rarity)
