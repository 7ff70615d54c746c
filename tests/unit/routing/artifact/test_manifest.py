"""RouterArtifact: nothing is parsed before it is what its manifest promises."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible, ArtifactNotFound
from edge_router.routing.artifact.manifest import FILES, RouterArtifact, bundled_artifacts


@pytest.fixture
def copy(artifact: RouterArtifact, tmp_path: Path) -> Path:
    """The shipped artifact in a folder that may be spoilt."""
    return Path(shutil.copytree(artifact.path, tmp_path / "copy"))


def rewrite_manifest(path: Path, **changes: Any) -> None:
    """Change fields of a manifest and sign it again."""
    manifest = json.loads((path / "manifest.json").read_bytes()) | changes
    raw = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(raw)
    (path / "manifest.sha256").write_text(hashlib.sha256(raw).hexdigest())


def test_the_shipped_artifact_is_found_by_name_and_by_path(artifact: RouterArtifact) -> None:
    """Both ways lead to the same bytes."""
    assert "router-small" in bundled_artifacts()
    assert RouterArtifact.load(artifact.path).hash == artifact.hash


def test_the_shipped_artifact_is_small(artifact: RouterArtifact) -> None:
    """The whole directory stays within 25 MB."""
    assert sum(file.stat().st_size for file in artifact.path.iterdir()) <= 25e6


@pytest.mark.parametrize("file", [*FILES, "manifest.json", "manifest.sha256"])
def test_a_flipped_byte_in_any_file_is_refused(copy: Path, file: str) -> None:
    """One bit in the middle of each file is enough."""
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(ArtifactCorrupt, match=file.replace(".sha256", "")):
        RouterArtifact.load(copy)


@pytest.mark.parametrize("file", [*FILES, "manifest.sha256"])
def test_a_missing_file_is_refused(copy: Path, file: str) -> None:
    """Half a download does not load."""
    (copy / file).unlink()
    with pytest.raises(ArtifactCorrupt, match=file):
        RouterArtifact.load(copy)


def test_a_shortened_file_is_refused_by_its_size(copy: Path) -> None:
    """The message gives both sizes."""
    content = (copy / "tokenizer.json").read_bytes()
    (copy / "tokenizer.json").write_bytes(content[:-1])
    with pytest.raises(ArtifactCorrupt, match=f"{len(content) - 1} bytes.*says {len(content)}"):
        RouterArtifact.load(copy)


def test_a_future_schema_is_incompatible_not_corrupt(copy: Path) -> None:
    """The message says to upgrade."""
    rewrite_manifest(copy, schema_version=99)
    with pytest.raises(ArtifactIncompatible, match=r"99.*upgrade edge-router"):
        RouterArtifact.load(copy)


def test_an_unknown_field_is_refused_by_name(copy: Path) -> None:
    """A manifest that says more than this version understands is not half understood."""
    rewrite_manifest(copy, surprise=1)
    with pytest.raises(ArtifactCorrupt, match="surprise"):
        RouterArtifact.load(copy)


def test_a_signed_graph_with_a_foreign_operator_is_refused(copy: Path) -> None:
    """Right hashes do not make an operator allowed."""
    graph = (copy / "encoder.int8.onnx").read_bytes().replace(b"Softmax", b"EvilMax")
    (copy / "encoder.int8.onnx").write_bytes(graph)
    described = json.loads((copy / "manifest.json").read_bytes())["files"]
    described["encoder.int8.onnx"]["sha256"] = hashlib.sha256(graph).hexdigest()
    rewrite_manifest(copy, files=described)
    with pytest.raises(ArtifactCorrupt, match="EvilMax"):
        RouterArtifact.load(copy)


def test_a_name_that_is_nowhere_lists_the_shipped_ones(tmp_path: Path) -> None:
    """The message holds the value and what would work."""
    with pytest.raises(ArtifactNotFound, match=r"router-huge.*router-small"):
        RouterArtifact.load("router-huge")
    with pytest.raises(ArtifactNotFound):
        RouterArtifact.load(tmp_path)
