"""An artifact on tables that it never saw, with nothing fitted: a size profile for each expert."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import find_head

from ..data.outcome_set import OutcomeSet, outcome_set, read_tables
from ..graphs.represent import Representations
from ..metrics.table import evaluate_table
from ..recipe import UnseenPair

__all__ = ["evaluate_unseen"]


def evaluate_unseen(
    artifact: RouterArtifact,
    pairs: Sequence[UnseenPair],
    folder: Path,
    *,
    seen: Container[str],
    work: Path,
) -> list[dict[str, Any]]:
    """`evaluate_table` on each pair's table in `folder`, without queries whose qkey was `seen` in
    training, whatever table it stood in. Raises BadRow, BadData."""
    tables = sorted({pair.table for pair in pairs})
    representations = Representations.of_artifact(artifact, work)
    represented = {}
    for table in tables:
        rows = {
            name: [row for row in read if row["qkey"] not in seen]
            for name, read in read_tables([folder / f"{table}.jsonl.gz"]).items()
        }
        outcomes = outcome_set(rows, artifact.manifest.max_chars)
        represented[table] = outcomes, representations.of(outcomes.texts)
    return [_evaluated(artifact, pair, *represented[pair.table]) for pair in pairs]


def _evaluated(
    artifact: RouterArtifact, pair: UnseenPair, outcomes: OutcomeSet, vectors: Float64s
) -> dict[str, Any]:
    weak, strong = (
        _quality(artifact, profile, vectors) for profile in (pair.weak_profile, pair.strong_profile)
    )
    return evaluate_table(outcomes, pair.table, pair.weak, pair.strong, strong - weak, split=None)


def _quality(artifact: RouterArtifact, profile: str, vectors: Float64s) -> Float64s:
    """A profile's expected quality (queries,)."""
    head = find_head(artifact.experts, profile, artifact.calibration["temperature"])
    return head.qualities(vectors)
