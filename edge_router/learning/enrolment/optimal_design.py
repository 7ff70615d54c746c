"""Which queries to ask a new expert: those that say most about its head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.logistic import Gaussian, sigmoid

__all__ = ["most_informative"]

KIND_SHARE = 2  # no kind has more than this many times its even share


def most_informative(
    prior: Gaussian, design: Float64s, count: int, *, kinds: Sequence[str] = ()
) -> list[int]:
    """`count` rows of `design` (queries, parameters), the most informative first; all if fewer.

    What routing needs of a head is who of all queries is better, not its level: each row in turn is
    the one that most lowers the mean variance of the quality over `design`, apart from that of the
    mean quality (I-optimal design; Chaloner and Verdinelli 1995, section 2.3, greedily). With
    `kinds` (queries,), no kind has more than twice its even share, as long as other kinds have rows
    left.
    """
    white, moved = _whitened(prior, design)
    weight = moved.T @ moved / max(1, len(design))
    known = white.copy()  # white @ covariance, in whitened coordinates
    room = _KindLimit(kinds, count)
    chosen: list[int] = []
    for _ in range(min(count, len(design))):
        left = 1 + (known * white).sum(1)
        fall = ((known @ weight) * known).sum(1) / left  # of the mean variance
        row = int(np.argmax(np.where(room.open(chosen, len(design)), fall, -np.inf)))
        chosen.append(row)
        step = known[row] / np.sqrt(left[row])
        known -= np.outer(white @ step, step)
    return chosen


def _whitened(prior: Gaussian, design: Float64s) -> tuple[Float64s, Float64s]:
    """Rows (queries, rank) whose outer products are the information of their outcomes, and how far
    each query's quality moves with the parameters, less the mean over queries.

    An outcome's weight is p (1 - p) at the probability that averages over the prior (MacKay 1992).
    """
    log_odds, deviation = prior.log_odds(design)
    quality = sigmoid(log_odds / np.sqrt(1 + np.pi * deviation**2 / 8))
    seen, slope = design @ prior.root, (quality * (1 - quality))[:, None]
    moved = seen * slope
    return seen * np.sqrt(slope), moved - moved.mean(0)


class _KindLimit:
    """Which rows may still be chosen."""

    def __init__(self, kinds: Sequence[str], count: int) -> None:
        self._kinds = kinds
        self._most = -(-KIND_SHARE * count // max(1, len(set(kinds))))

    def open(self, chosen: Sequence[int], rows: int) -> Bools:
        """(rows,) True where a row is free and its kind not full; where all are full, the free."""
        free = np.ones(rows, dtype=bool)
        free[list(chosen)] = False
        if not len(self._kinds):
            return free
        taken = Counter(self._kinds[row] for row in chosen)
        room = free & np.array([taken[kind] < self._most for kind in self._kinds])
        return room if room.any() else free
