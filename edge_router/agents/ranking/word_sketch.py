"""Character n-grams of a text as one short vector, beside its embedding.

A count sketch (Charikar, Chen and Farach-Colton 2002): each n-gram adds +1 or -1 to one of DIM
numbers, by a hash, so that products of vectors estimate those of the counts without a dictionary.
It tells apart what a small encoder blurs: names, numbers, rare words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s

__all__ = ["DIM", "WordSketch", "folded", "sketches"]

DIM = 2048
LENGTHS = (2, 3, 4)  # of n-grams, across single blanks between words
MAX_CHARACTERS = 512  # of a text; beyond, it is cut
BASE = np.uint64(0x100000001B3)  # FNV's prime; products wrap around at 64 bits
MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits depend on all others
SIGN_BIT, ONE = np.uint64(20), np.uint64(1)
PLACE_BITS = np.uint64(64 - DIM.bit_length() + 1)
SIGNS = np.array([-1.0, 1.0])
FOLD = 4  # blocks that `folded` adds up


def sketches(texts: Sequence[str]) -> Float32s:
    """(texts, DIM), each n-gram counting 1 + log(times it occurs)."""
    rows = np.zeros((len(texts), DIM), dtype=np.float32)
    for row, text in enumerate(texts):
        hashes, counts = _counted(_hashes(text))
        values = SIGNS[(hashes >> SIGN_BIT & ONE).view(np.int64)]
        if counts is not None:
            values *= 1 + np.log(counts)
        places = (hashes >> PLACE_BITS).view(np.int64)
        rows[row] = np.bincount(places, values, minlength=DIM)
    return rows


def _counted(
    hashes: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64] | None]:
    """The different ones, and how often each occurs; None where each occurs once.

    np.unique's result, in a third of its time for a text of a line.
    """
    hashes.sort()
    first = np.empty(len(hashes) + 1, dtype=np.bool_)
    first[0] = first[-1] = True
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:-1])
    if first.all():
        return hashes, None
    begins = first.nonzero()[0]
    return hashes[begins[:-1]], begins[1:] - begins[:-1]


def folded(rows: Float32s) -> Float32s:
    """(texts, DIM / FOLD): a coarser sketch of the same n-grams, for many agents."""
    shorter: Float32s = rows.reshape(len(rows), FOLD, -1).sum(1)
    return shorter


def _hashes(text: str) -> npt.NDArray[np.uint64]:
    """A hash of every n-gram, equal for equal ones."""
    padded = f" {' '.join(text[:MAX_CHARACTERS].lower().split())} "
    codes = np.frombuffer(padded.encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64)
    gram, parts = codes, []
    for length in range(2, max(LENGTHS) + 1):
        gram = gram[:-1] * BASE
        gram += codes[length - 1 :]
        if length in LENGTHS:
            parts.append(gram + np.uint64(length))
    hashes: npt.NDArray[np.uint64] = np.concatenate(parts)
    hashes *= MIX
    return hashes


@dataclass(frozen=True, slots=True, eq=False)
class WordSketch:
    """Sketches weighted by inverse document frequency, of length 1. `weights` (DIM,)."""

    weights: Float32s

    @classmethod
    def fit(cls, rows: Float32s) -> Self:
        """From the `sketches` of examples."""
        seen = np.count_nonzero(rows, axis=0)
        return cls((np.log((1 + len(rows)) / (1 + seen)) + 1).astype(np.float32))

    def apply(self, rows: Float32s) -> Float32s:
        """(texts, DIM); a text without n-grams stays zero."""
        weighted = rows * self.weights
        lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
        scaled: Float32s = weighted / np.maximum(lengths, np.float32(1e-6))
        return scaled
