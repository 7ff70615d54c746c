"""The dev split that an artifact carries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_router.known_queries import KnownQueries

from .data import OutcomeSet

__all__ = ["known_queries"]

Floats = npt.NDArray[np.float64]


def known_queries(outcomes: OutcomeSet, vectors: Floats, log_tokens: Floats) -> KnownQueries:
    """`vectors` (queries, dim) and `log_tokens` (queries,) of all outcomes; the dev rows of them,
    without the texts of public tables."""
    rows = outcomes.splits == "dev"
    dev = outcomes.where(rows)
    ours = dev.kinds == "everyday"
    return KnownQueries(
        vectors=vectors[rows].astype(np.float32),
        log_tokens=log_tokens[rows].astype(np.float32),
        characters=dev.characters,
        tables=dev.tables,
        kinds=dev.kinds,
        langs=dev.langs,
        texts=np.where(ours, np.array(dev.texts), ""),
        experts=np.array(dev.experts),
        scores=dev.scores,
    )
