"""Packages an artifact: files, hashes, manifest, card."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.known_queries import KnownQueries
from edge_router.routing.artifact.manifest import (
    CALIBRATION,
    CARD,
    ENCODER,
    EXPERTS,
    FILES,
    KNOWN_QUERIES,
    SCHEMA_VERSION,
    TOKENIZER,
    RouterArtifact,
)

from ..data.kinds import EVERYDAY, UNKNOWN
from ..data.outcome_set import OutcomeSet

__all__ = ["known_queries", "package"]


def package(
    target: Path,
    *,
    encoder: Path,
    tokenizer: Path,
    experts: Mapping[str, Any],
    calibration: Mapping[str, Any],
    known: KnownQueries,
    card: str,
    about: Mapping[str, Any],
) -> RouterArtifact:
    """Write the artifact directory `target` and load it back, verified.

    `about` holds every manifest field but `schema_version` and `files`.
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(encoder, target / ENCODER)
    shutil.copyfile(tokenizer, target / TOKENIZER)
    _write_json(target / EXPERTS, experts)
    _write_json(target / CALIBRATION, calibration)
    known.write(target / KNOWN_QUERIES)
    (target / CARD).write_text(card, encoding="utf-8")
    contents = {file: (target / file).read_bytes() for file in (*FILES, KNOWN_QUERIES)}
    described = {
        file: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for file, content in contents.items()
    }
    manifest = {"schema_version": SCHEMA_VERSION, **about, "files": described}
    _write_json(target / "manifest.json", manifest)
    digest = hashlib.sha256((target / "manifest.json").read_bytes()).hexdigest()
    (target / "manifest.sha256").write_text(digest + "\n")
    return RouterArtifact.load(target)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


OURS = ("everyday_pairs_made", "smollm2-135m")  # the tables with queries that we wrote ourselves


def known_queries(outcomes: OutcomeSet, vectors: Float64s, log_tokens: Float64s) -> KnownQueries:
    """`vectors` (queries, dim) and `log_tokens` (queries,) of all outcomes; the dev rows of them,
    without the texts of public tables."""
    rows = outcomes.splits == "dev"
    dev = outcomes.where(rows)
    everyday = np.char.startswith(dev.kinds, EVERYDAY)  # of the last table the rest is borrowed
    ours = everyday & np.isin(dev.tables, OURS)
    return KnownQueries(
        vectors=vectors[rows].astype(np.float32),
        log_tokens=log_tokens[rows].astype(np.float32),
        characters=dev.characters,
        tables=dev.tables,
        kinds=np.where(dev.kinds == UNKNOWN, "unknown", dev.kinds),
        langs=dev.langs,
        texts=np.where(ours, np.array(dev.texts), ""),
        experts=np.array(dev.experts),
        scores=dev.scores,
    )
