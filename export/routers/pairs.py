"""Every two experts on every query, judged by their scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Float64s

from .labels import Indices

__all__ = ["OUTCOMES", "STRONG", "Pairs", "judge"]

OUTCOMES = ("strong win", "win", "tie", "loss", "strong loss")
STRONG = 0.5


@dataclass(frozen=True, slots=True)
class Pairs:
    """`first` and `second` (pairs,) are columns, `lift` (queries, pairs) what the first scores
    above the second."""

    first: Indices
    second: Indices
    lift: Float64s

    @property
    def outcomes(self) -> Indices:
        """Number in OUTCOMES (queries, pairs), as seen from the first expert.

        MoMA's judge calls a win strong or plain; here it is strong when the scores differ by more
        than STRONG, so that being right where the other is wrong is a strong win.
        """
        strong = np.where(np.abs(self.lift) > STRONG, 2, 1)
        return (2 - np.sign(self.lift) * strong).astype(np.int64)


def judge(scores: Float64s) -> Pairs:
    """Compare each expert with each later one; `scores` (queries, experts)."""
    first, second = np.triu_indices(scores.shape[1], 1)
    return Pairs(first, second, scores[:, first] - scores[:, second])
