"""The outcomes that an artifact carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_router.artifact import RouterArtifact
from edge_router.errors import ArtifactCorrupt
from edge_router.known_queries import KnownQueries

NAN = float("nan")


def small() -> KnownQueries:
    """Three queries, two experts."""
    return KnownQueries(
        vectors=np.array([[0.5, 1.0], [0.25, -2.0], [0.0, 0.125]], dtype=np.float32),
        log_tokens=np.array([1.0, 2.0, 3.0], dtype=np.float32),
        characters=np.array([5, 6, 70_000]),
        tables=np.array(["a", "a", "b"]),
        kinds=np.array(["everyday", "law", "law"]),
        langs=np.array(["en", "en", "zh"]),
        texts=np.array(["Hi?", "", ""]),
        experts=np.array(["x", "y"]),
        scores=np.array([[1.0, 0.0], [NAN, 0.3], [NAN, NAN]], dtype=np.float32),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Unknown scores stay unknown, tenths stay tenths."""
    path = tmp_path / "k.npz"
    small().write(path)
    found = KnownQueries.read(path)
    for name in ("vectors", "log_tokens", "characters", "tables", "kinds", "langs", "texts"):
        assert np.array_equal(getattr(found, name), getattr(small(), name)), name
    assert np.allclose(found.scores, small().scores, atol=1e-7, equal_nan=True)
    assert len(found) == 3


def test_the_mean_is_over_whom_it_knows() -> None:
    """Unknown where nobody of the group was asked."""
    known = small()
    assert known.mean_score(["x", "y"])[:2].tolist() == pytest.approx([0.5, 0.3])
    assert np.isnan(known.mean_score(["x", "y"])[2])
    assert np.isnan(known.mean_score(["nobody"])).all()


def test_it_says_who_was_seen_on_how_many_kinds() -> None:
    """An unknown score is none."""
    assert small().seen_on(1) == ["x", "y"]
    assert small().seen_on(2) == ["y"]


def test_a_broken_file_is_a_corrupt_artifact(tmp_path: Path) -> None:
    """Whatever is wrong with it, with its name in the message; pickles are never opened."""
    path = tmp_path / "k.npz"
    path.write_bytes(b"PK not really")
    with pytest.raises(ArtifactCorrupt, match=r"k\.npz cannot be read"):
        KnownQueries.read(path)
    with path.open("wb") as file:
        np.savez(file, vectors=np.array([object()]))
    with pytest.raises(ArtifactCorrupt, match="cannot be read"):
        KnownQueries.read(path)


def test_the_shipped_artifact_knows_its_dev_split() -> None:
    """With scores of every profile's models, and no text of a public table."""
    artifact = RouterArtifact.load("router-small")
    known = artifact.known_queries()
    assert known is not None
    assert known.vectors.shape == (len(known), artifact.manifest.representation_dim)
    for profile in artifact.experts["profiles"].values():
        assert (~np.isnan(known.mean_score(profile["models"]))).any()
    assert {str(kind) for kind in known.kinds[known.texts != ""]} == {"everyday"}
