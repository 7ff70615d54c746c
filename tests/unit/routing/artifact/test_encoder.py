"""OnnxEncoder: the real graph, the same answer every time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_graph import OUTPUT, attribute, encoder, node, value_info

from edge_router.errors import ArtifactCorrupt
from edge_router.routing.artifact.encoder import OnnxEncoder, open_session
from edge_router.routing.artifact.manifest import RouterArtifact

TEXTS = ["What is the capital of France?", "🙂🙃", "Prove that e is irrational. " * 40]


def test_a_representation_has_the_promised_shape(artifact: RouterArtifact) -> None:
    """The posterior over task kinds at its end is a distribution."""
    kinds = len(artifact.manifest.task_kinds)
    found = OnnxEncoder(artifact).represent(TEXTS[0])
    assert found.vector.shape == (artifact.manifest.representation_dim,)
    assert found.vector[-kinds:].sum() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(found.log_tokens)


@pytest.mark.parametrize("text", TEXTS)
def test_two_encoders_agree_to_the_bit(artifact: RouterArtifact, text: str) -> None:
    """Nothing depends on what was asked before or on the session."""
    first, second = OnnxEncoder(artifact), OnnxEncoder(artifact)
    second.represent("something else")
    assert np.array_equal(first.represent(text).vector, second.represent(text).vector)


def test_beside_other_texts_a_text_gets_what_it_gets_alone(artifact: RouterArtifact) -> None:
    """To the bit, whatever their lengths; also none at all."""
    encoder = OnnxEncoder(artifact)
    texts = [text[: artifact.manifest.max_chars] for text in TEXTS]
    vectors, log_tokens = encoder.represent_batch(texts)
    embeddings = encoder.embed(texts)
    for row, text in enumerate(texts):
        alone = encoder.represent(text)
        assert np.array_equal(vectors[row], alone.vector)
        assert float(log_tokens[row]) == alone.log_tokens
        assert np.array_equal(embeddings[row], encoder.embed([text])[0])
    assert encoder.embed([]).shape == (0, artifact.manifest.embedding_dim)
    assert encoder.represent_batch([])[0].shape == (0, artifact.manifest.representation_dim)


def test_an_embedding_of_another_length_is_refused(artifact: RouterArtifact) -> None:
    """What compares texts takes products of embeddings for cosines."""
    graph = encoder(
        value_info(OUTPUT, "embedding", 1, ["batch", 4]),
        node("ReduceSum", ["mask", "last"], ["read"], attribute("keepdims", 1)),
        node("Gemm", ["read", "weights"], ["embedding"]),
    )
    unread = artifact._unread | {"encoder.int8.onnx": graph}
    manifest = replace(artifact.manifest, embedding_dim=4, representation_dim=4)
    other = OnnxEncoder(replace(artifact, manifest=manifest, _unread=unread))
    assert np.isfinite(other.represent("one two").vector).all()
    with pytest.raises(ArtifactCorrupt, match="an embedding that is not of length 1"):
        other.embed(["one two"])
    assert other.embed([""]).tolist() == [[0.5] * 4]  # of [CLS] and [SEP], a quarter each


def test_threads_share_one_encoder(artifact: RouterArtifact) -> None:
    """Eight threads get what one gets."""
    encoder = OnnxEncoder(artifact)
    alone = [encoder.represent(text).vector for text in TEXTS * 8]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: encoder.represent(text).vector, TEXTS * 8))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_file_that_is_no_graph_is_our_error(tmp_path: Path) -> None:
    """onnxruntime's own exception does not get out."""
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(ArtifactCorrupt, match=r"x\.onnx"):
        open_session(tmp_path / "x.onnx")
