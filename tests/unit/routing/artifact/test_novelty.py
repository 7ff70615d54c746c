"""Queries outside of what an artifact knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.errors import ArtifactIncompatible
from edge_router.routing.artifact.known_queries import KnownQueries
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.novelty import Familiar, Unfamiliar, nearest, unit_rows

CENTRES = np.array([[9.0, 0.0, 0.8, 0.2], [0.0, 9.0, 0.1, 0.9]])


def known(queries: int = 2000, *, seed: int = 0) -> KnownQueries:
    """Two numbers of difficulty, two kinds; mostly English, a few in Russian."""
    random = np.random.default_rng(seed)
    vectors = CENTRES[np.arange(queries) % 2] + random.normal(0, 0.02, (queries, 4))
    return KnownQueries(
        vectors=vectors.astype(np.float32),
        log_tokens=np.zeros(queries, dtype=np.float32),
        characters=random.integers(10, 1000, queries),
        tables=np.full(queries, "t"),
        kinds=np.full(queries, "k"),
        langs=np.where(np.arange(queries) < 5, "ru", "en"),
        texts=np.full(queries, ""),
        experts=np.array(["x"]),
        scores=np.zeros((queries, 1), dtype=np.float32),
    )


def flags(vector: list[float], characters: int = 100, script: str = "latin") -> tuple[str, ...]:
    """Of one query."""
    familiar = Familiar.of_known(known(), kinds=2)
    found = np.array(vector, dtype=np.float32)
    return familiar.flags_of(found, characters=characters, script=script)


def test_each_way_has_its_code() -> None:
    """A query like the known ones has none."""
    assert flags([9.0, 0.0, 0.8, 0.2]) == ()
    assert flags([9.0, 0.0, 0.8, 0.2], characters=1001) == (Unfamiliar.LENGTH,)
    assert flags([9.0, 0.0, 0.8, 0.2], script="han") == (Unfamiliar.SCRIPT,)
    assert flags([9.0, 0.0, 0.8, 0.2], script="cyrillic") == (Unfamiliar.SCRIPT,)
    assert flags([9.0, 0.0, 0.5, 0.5]) == (Unfamiliar.NO_KNOWN_KIND, Unfamiliar.FAR_FROM_KNOWN)
    assert flags([-9.0, 0.0, 0.8, 0.2]) == (Unfamiliar.FAR_FROM_KNOWN,)
    assert all(flag.words for flag in Unfamiliar)


def test_about_one_in_a_hundred_of_the_same_source_is_flagged() -> None:
    """Drawn anew, not those that set the limits."""
    familiar, fresh = Familiar.of_known(known(), kinds=2), known(seed=1)
    flagged = sum(
        bool(familiar.flags_of(vector, characters=int(characters), script="latin"))
        for vector, characters in zip(fresh.vectors, fresh.characters, strict=True)
    )
    assert flagged <= 0.015 * len(fresh)


def test_the_nearest_come_first() -> None:
    """By direction alone: length does not count, zero is far from all."""
    rows = unit_rows(np.array([[1.0, 0.0], [0.0, 5.0], [1.0, 1.0]], dtype=np.float32))
    found, distances = nearest(rows, np.array([3.0, 0.0], dtype=np.float32), 2)
    assert found.tolist() == [0, 2]
    assert distances == pytest.approx([0.0, 1 - 0.5**0.5], abs=1e-6)
    assert nearest(rows, np.zeros(2, dtype=np.float32), 9)[1].tolist() == [1.0, 1.0, 1.0]


def test_an_artifact_without_known_queries_is_refused(artifact: RouterArtifact) -> None:
    """With what to do about it."""
    bare = replace(artifact, manifest=replace(artifact.manifest, files={}))
    with pytest.raises(ArtifactIncompatible, match="export it again"):
        Familiar.of(bare)
