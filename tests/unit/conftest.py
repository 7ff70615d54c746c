"""Unit tests share one shipped router: verifying it and opening its encoder take 40 ms, and some
600 tests make an EdgeRouter or a Router of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact, bundled_artifacts
from edge_router.routing.artifact.text import RouterTokenizer

READY: dict[str, tuple[RouterTokenizer, Any]] = {}  # by the artifact's hash
load, open_encoder = RouterArtifact.load, OnnxEncoder._open


@pytest.fixture(autouse=True)
def _one_router(monkeypatch: pytest.MonkeyPatch, artifact: RouterArtifact) -> None:
    """The shipped artifact by its name is the one of the session, and its encoder is opened once;
    an artifact in a folder of a test is its own. Tests of loading itself leave this out."""

    def shared(name: str | Path) -> RouterArtifact:
        is_shipped = name == artifact.manifest.name and name in bundled_artifacts()
        return artifact if is_shipped else load(name)

    def opened(encoder: OnnxEncoder) -> tuple[RouterTokenizer, Any]:
        if encoder._artifact is not artifact:
            return open_encoder(encoder)
        if artifact.hash not in READY:
            READY[artifact.hash] = open_encoder(encoder)
        encoder._ready = READY[artifact.hash]
        return encoder._ready

    monkeypatch.setattr(RouterArtifact, "load", shared)
    monkeypatch.setattr(OnnxEncoder, "_open", opened)
