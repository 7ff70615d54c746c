"""Whether the last logged queries look like those that the router knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.errors import EdgeRouterError, LearningError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation

from ..drift.mmd_test import LOOKS, DriftReference
from ..drift.monitor import DriftMonitor, verdicts
from ..outcomes.table import FAULTS, vector_of
from .reading import is_lines, stored_rows
from .report import Stretch

__all__ = ["drift_of"]

STRETCHES = 5  # the last ones
NAMES = ("artifact", "vector", "log_tokens", "characters")


def drift_of(path: Path, artifact: RouterArtifact) -> tuple[list[Stretch], str]:
    """The verdicts on the last queries of a log, and why there are none."""
    if is_lines(path):
        return [], "The file holds no representations of the queries; the SQLite log does."
    try:
        last = list(_last(path, artifact))
        monitor = DriftMonitor(DriftReference.of(artifact))
        judged = verdicts(monitor, last)
    except (EdgeRouterError, *FAULTS) as error:
        return [], f"Not known: {error}."
    return [Stretch(one.alarm, one.p_value, one.words) for one in judged], ""


def _last(path: Path, artifact: RouterArtifact) -> Iterator[tuple[Representation, int]]:
    """The last queries that this router read. Raises LearningError, or one of FAULTS."""
    dim, seen = artifact.manifest.representation_dim, []
    for row in stored_rows(path, NAMES):
        if row["artifact"] == artifact.hash:
            seen.append(row)
            if len(seen) >= 2 * STRETCHES * LOOKS[-1]:
                del seen[: STRETCHES * LOOKS[-1]]
    for row in seen[-STRETCHES * LOOKS[-1] :]:
        vector = vector_of(row["vector"])
        if len(vector) != dim or not np.isfinite(vector).all():
            raise LearningError(f"a query is logged with {len(vector)} numbers, not {dim}")
        yield Representation(vector, _finite(row["log_tokens"])), int(row["characters"])


def _finite(value: Any) -> float:
    if not np.isfinite(number := float(value)):
        raise ValueError(f"log_tokens is {value!r:.60}")
    return number
