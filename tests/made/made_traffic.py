"""Made-up queries from a known law, and what a drift monitor compares others with."""

from __future__ import annotations

import numpy as np

from edge_router.learning.drift.mmd_test import DriftReference
from edge_router.learning.drift.monitor import DriftMonitor
from edge_router.learning.drift.traffic import Traffic, TrafficView
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation, RoutedQuery


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


KNOWN = reference_of(made_traffic(np.random.default_rng(7), 1000))


def queries(artifact: RouterArtifact, count: int, *, shift: float = 0.0) -> list[RoutedQuery]:
    """From the law of the known ones, or `shift` standard deviations away."""
    made = made_traffic(np.random.default_rng(1), count, shift)
    return [
        RoutedQuery(
            artifact.hash, Representation(vector, float(log_tokens)), int(characters), "latin"
        )
        for vector, log_tokens, characters in zip(
            made.vectors, made.log_tokens, made.characters, strict=True
        )
    ]


KNOWN = reference_of(made_traffic(np.random.default_rng(7), 1000))


def fed(traffic: Traffic, *, monitor: DriftMonitor | None = None) -> DriftMonitor:
    """A monitor that has seen all of the traffic."""
    monitor = monitor or DriftMonitor(KNOWN)
    for vector, log_tokens, characters in zip(
        traffic.vectors, traffic.log_tokens, traffic.characters, strict=True
    ):
        monitor.add(Representation(vector, float(log_tokens)), characters=int(characters))
    return monitor
