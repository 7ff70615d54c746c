"""Unit tests share one shipped router: verifying it, opening its encoder and reading its known
queries take 40 ms and more, and some 600 tests make an EdgeRouter or a Router of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.known_queries import KnownQueries
from edge_router.routing.artifact.manifest import RouterArtifact, bundled_artifacts
from edge_router.routing.artifact.novelty import Familiar

SHARED: dict[str, Any] = {}
load, known_queries = RouterArtifact.load, RouterArtifact.known_queries
open_encoder, familiar_of = OnnxEncoder._open, Familiar.of_known


def once(name: str, make: Callable[[], Any]) -> Any:
    """What `make` gave the first time."""
    if name not in SHARED:
        SHARED[name] = make()
    return SHARED[name]


@pytest.fixture(autouse=True, scope="module")
def _one_router(artifact: RouterArtifact) -> Iterator[None]:
    """The shipped artifact by its name is the one of the session, and all of it is made once; an
    artifact in a folder of a test is its own. Tests of loading itself leave this out."""

    def loaded(name: str | Path) -> RouterArtifact:
        is_shipped = name == artifact.manifest.name and name in bundled_artifacts()
        return artifact if is_shipped else load(name)

    def opened(encoder: OnnxEncoder) -> Any:
        if encoder._artifact is not artifact:
            return open_encoder(encoder)
        encoder._ready = once("encoder", lambda: open_encoder(encoder))
        return encoder._ready

    def known(one: RouterArtifact) -> KnownQueries | None:
        if one is not artifact:
            return known_queries(one)
        result: KnownQueries | None = once("known queries", lambda: known_queries(one))
        return result

    def familiar(queries: KnownQueries, *, kinds: int) -> Familiar:
        if queries is not SHARED.get("known queries"):
            return familiar_of(queries, kinds=kinds)
        result: Familiar = once("familiar", lambda: familiar_of(queries, kinds=kinds))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RouterArtifact, "load", loaded)
        patch.setattr(RouterArtifact, "known_queries", known)
        patch.setattr(OnnxEncoder, "_open", opened)
        patch.setattr(Familiar, "of_known", familiar)
        yield
