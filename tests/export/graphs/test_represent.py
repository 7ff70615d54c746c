"""Representations that are kept between runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")

from edge_router.export.graphs.represent import Representations
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import RouterTokenizer

TEXTS = ["What is 2 + 2?", "Write quicksort in C", "What is 2 + 2?"]


def test_a_graph_gives_what_the_artifact_that_holds_it_gives(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """Bit by bit, computed or read back."""
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=artifact.manifest.max_tokens)
    vectors, lengths = Representations.of_artifact(artifact, tmp_path).with_lengths(TEXTS)
    assert vectors.shape == (3, artifact.manifest.representation_dim)
    assert lengths.shape == (3,)
    for _ in range(2):
        graph = Representations.of_graph(artifact.encoder_path, tokenizer, tmp_path)
        assert np.array_equal(graph.of(TEXTS), vectors)
        assert np.array_equal(graph.with_lengths(TEXTS)[1], lengths)


def test_files_without_lengths_are_computed_again(artifact: RouterArtifact, tmp_path: Path) -> None:
    """As versions before this one left them."""
    first = Representations.of_artifact(artifact, tmp_path).of(TEXTS)
    (file,) = tmp_path.rglob("*.npz")
    with np.load(file) as kept:
        np.savez(file, digests=kept["digests"], vectors=np.zeros_like(kept["vectors"]))
    assert np.array_equal(Representations.of_artifact(artifact, tmp_path).of(TEXTS), first)
