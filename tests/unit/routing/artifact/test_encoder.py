"""OnnxEncoder: the real graph, the same answer every time."""

from __future__ import annotations

import importlib.abc
import logging
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_graph import OUTPUT, attribute, encoder, node, value_info

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible, ConfigError
from edge_router.routing.artifact.encoder import OnnxEncoder, _say_once, link_runtime, open_session
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


class _Broken(importlib.abc.MetaPathFinder):
    """An installation of onnxruntime that cannot be imported."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "onnxruntime":
            raise ImportError("libgomp.so.1: cannot open shared object file")


@pytest.fixture
def no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a platform without a wheel."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    _say_once.cache_clear()


def test_without_onnxruntime_the_encoder_runs_in_numpy(
    artifact: RouterArtifact, no_onnxruntime: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so once, as news and not as a warning."""
    caplog.set_level(logging.INFO, "edge_router")
    for _ in range(2):
        assert OnnxEncoder(artifact).runtime == "numpy"
    assert link_runtime() is None
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "the encoder runs in numpy alone" in record.getMessage()


def test_a_broken_onnxruntime_is_a_warning(
    artifact: RouterArtifact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It names what is wrong with the installation."""
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.setattr(sys, "meta_path", [_Broken(), *sys.meta_path])
    _say_once.cache_clear()
    assert OnnxEncoder(artifact).represent("Hello").vector.any()
    assert "libgomp" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_in_numpy_an_encoder_crosses_processes(artifact: RouterArtifact) -> None:
    """And runs there in what it ran in."""
    other = pickle.loads(pickle.dumps(OnnxEncoder(artifact, runtime="numpy")))
    assert other.runtime == "numpy"
    assert OnnxEncoder(artifact).runtime == "onnxruntime"


def test_another_graph_needs_onnxruntime(artifact: RouterArtifact, no_onnxruntime: None) -> None:
    """It says how to get it."""
    graph = encoder(node("Tanh", ["mask"], ["read"]), seen="read")
    unread = artifact._unread | {"encoder.int8.onnx": graph}
    other = OnnxEncoder(replace(artifact, _unread=unread))
    with pytest.raises(ArtifactIncompatible, match=r"the operator Tanh.*pip install 'onnx"):
        other.represent("Hello")


def test_a_runtime_that_is_not_to_be_had_is_refused(
    artifact: RouterArtifact, no_onnxruntime: None
) -> None:
    """An unknown one at once, one that is not installed when it is needed."""
    other: Any = "tensorrt"
    with pytest.raises(ConfigError, match=r"runtime='tensorrt'; give one of"):
        OnnxEncoder(artifact, runtime=other)
    with pytest.raises(ConfigError, match="leave it out to use numpy"):
        OnnxEncoder(artifact, runtime="onnxruntime").represent("Hello")
