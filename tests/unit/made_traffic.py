"""Made-up queries from a known law, and what a drift monitor compares others with."""

from __future__ import annotations

import numpy as np

from edge_router.drift import DriftReference
from edge_router.traffic import Traffic, TrafficView


def made_traffic(random: np.random.Generator, queries: int, shift: float = 0.0) -> Traffic:
    """Two difficulties around `shift` and a posterior over two kinds."""
    difficulty = random.normal(shift, 1, (queries, 2))
    kind = random.random((queries, 1))
    return Traffic(
        np.concatenate([difficulty, kind, 1 - kind], axis=1).astype(np.float32),
        random.normal(5, 1, queries).astype(np.float32),
        random.integers(20, 400, queries),
    )


def reference_of(known: Traffic, seed: int = 0) -> DriftReference:
    """With one head, which reads the first difficulty."""
    view = TrafficView.fit(
        known,
        kinds=2,
        weights=np.array([[1], [0], [0], [0]], dtype=np.float32),
        biases=np.zeros(1, dtype=np.float32),
    )
    return DriftReference.of_traffic(view, known, seed=seed)
