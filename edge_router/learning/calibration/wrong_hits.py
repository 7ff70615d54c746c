"""How alike two requests must be for the answer to one to be given to the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import Gaussian, most_probable, with_bias

from .bounds import binomial_interval

__all__ = ["fitted_weights", "semantic_threshold"]

SPREAD = 10.0  # standard deviation of the prior on each weight: as good as none


def semantic_threshold(
    scores: Sequence[float], same: Sequence[bool], *, wrong: float = 0.05, delta: float = 0.1
) -> float:
    """The lowest threshold whose hits are wrong with a rate of `wrong` at most, at risk `delta`.

    `scores`, 0..1, are those of requests with their nearest earlier one (cosines, probabilities);
    `same` says whether both mean the same. Thresholds are tested downwards until one fails
    (fixed-sequence testing), by the exact upper limit of the rate, from the first with enough hits
    to prove anything. 2, for no semantic hits, where not even that one holds.
    """
    least = math.ceil(math.log(delta) / math.log(1 - wrong))
    order = np.argsort(-np.asarray(scores), kind="stable")
    values, mistakes = np.asarray(scores)[order], np.cumsum(~np.asarray(same)[order])
    best = 2.0
    for level in np.arange(100, 49, -1) / 100:
        hits = int(np.searchsorted(-values, -level, side="right"))
        if hits < least:
            continue
        if binomial_interval(int(mistakes[hits - 1]), hits, 2 * delta)[1] > wrong:
            break
        best = float(level)
    return best


def fitted_weights(design: Float64s, same: Sequence[bool]) -> Float64s:
    """Bias and weights (1 + features,) of P(both ask the same) for `design` (pairs, features)."""
    names = 1 + design.shape[1]
    prior = Gaussian(np.zeros(names), SPREAD * np.eye(names))
    return most_probable(prior, with_bias(design), np.asarray(same, dtype=np.float64))
