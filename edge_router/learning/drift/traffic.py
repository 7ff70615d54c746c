"""Traffic: queries as the router sees them, in columns that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s, Places
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.logistic import sigmoid

__all__ = ["Traffic", "TrafficView"]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Some queries: `vectors` (queries, representation_dim), `log_tokens` (queries,) and
    `characters` (queries,) of the last turn before any cut."""

    vectors: Float32s
    log_tokens: Float32s
    characters: npt.NDArray[np.int64]

    @classmethod
    def of_query(cls, query: Representation, characters: int) -> Self:
        """The traffic of a single query."""
        return cls(
            query.vector[None], np.array([query.log_tokens], np.float32), np.array([characters])
        )

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: Places) -> Traffic:
        """The queries at `rows`, in that order."""
        return Traffic(self.vectors[rows], self.log_tokens[rows], self.characters[rows])


@dataclass(frozen=True, slots=True, eq=False)
class TrafficView:
    """Four sides of a query that count the same: difficulty, kind, scores, length.

    The scores are the log-odds of heads with `weights` (representation_dim, heads) and `biases`
    (heads,). Each side is centred by its part of `means` (columns,) and divided by its own of
    `scales` (columns,), so that its total variance over the queries it was fitted to is 1.
    """

    kinds: int
    weights: Float32s
    biases: Float32s
    means: Float32s
    scales: Float32s

    @classmethod
    def fit(cls, traffic: Traffic, *, kinds: int, weights: Float32s, biases: Float32s) -> Self:
        """The last `kinds` numbers of each vector are the posterior over task kinds."""
        sides = _sides(traffic, kinds, _log_odds(traffic, weights, biases))
        scales = [np.full(side.shape[1], _spread(side), np.float32) for side in sides]
        means = np.concatenate([side.mean(0) for side in sides])
        return cls(kinds, weights, biases, means, np.concatenate(scales))

    def refit(self, traffic: Traffic) -> Self:
        """The same heads, fitted to other queries."""
        return self.fit(traffic, kinds=self.kinds, weights=self.weights, biases=self.biases)

    def columns(self, traffic: Traffic) -> Float32s:
        """(queries, columns)."""
        sides = _sides(traffic, self.kinds, _log_odds(traffic, self.weights, self.biases))
        standardised: Float32s = (np.concatenate(sides, axis=1) - self.means) / self.scales
        return standardised

    def qualities(self, traffic: Traffic) -> npt.NDArray[np.float64]:
        """What each head expects (queries, heads), 0..1."""
        log_odds = _log_odds(traffic, self.weights, self.biases)
        return sigmoid(log_odds.astype(np.float64))


def _log_odds(traffic: Traffic, weights: Float32s, biases: Float32s) -> Float32s:
    odds: Float32s = traffic.vectors @ weights + biases
    return odds


def _sides(traffic: Traffic, kinds: int, log_odds: Float32s) -> list[Float32s]:
    split = traffic.vectors.shape[1] - kinds
    length = np.log(np.maximum(1, traffic.characters)).astype(np.float32)
    # distances between square roots of posteriors are Hellinger's: rare kinds count too
    posterior = np.sqrt(np.maximum(0, traffic.vectors[:, split:]))
    lengths = np.stack([traffic.log_tokens, length], axis=1)
    return [traffic.vectors[:, :split], posterior, log_odds, lengths]


def _spread(side: Float32s) -> float:
    """The root of the total variance; 1 for a side that does not vary."""
    return float(np.sqrt(side.var(0).sum())) or 1.0
