"""NumpySession: the shipped graph as in onnxruntime, and files that are no such graph."""

from __future__ import annotations

import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from made_graph import attribute, constant, encoder, floats, node
from onnx_peer import TO_THE_BIT, agree, graph

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible
from edge_router.routing.artifact.encoder import OnnxEncoder, open_session
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.numpy_graph.session import NumpySession

TEXTS = ["What is the capital of France?", "", "🙂🙃", "Was kostet das?", "Prove it. " * 90]


@pytest.fixture(scope="module")
def encoders(artifact: RouterArtifact) -> tuple[OnnxEncoder, OnnxEncoder]:
    """The shipped one in numpy and in onnxruntime."""
    return OnnxEncoder(artifact, runtime="numpy"), OnnxEncoder(artifact, runtime="onnxruntime")


@pytest.mark.parametrize("text", TEXTS)
def test_the_shipped_encoder_is_the_same_in_numpy(
    encoders: tuple[OnnxEncoder, OnnxEncoder], text: str
) -> None:
    """Vector, length and embedding, to the bit."""
    ours, theirs = encoders
    one, other = ours.represent(text), theirs.represent(text)
    assert agree([one.vector], [other.vector])
    assert one.log_tokens == pytest.approx(other.log_tokens, rel=0 if TO_THE_BIT else 1e-6)
    assert agree([ours.embed([text])], [theirs.embed([text])])


def test_only_what_is_asked_for_is_computed() -> None:
    """A branch that could not run does no harm."""
    one = np.ones((1, 2), np.float32)
    broken = node("Reshape", ["x", "shape"], ["y1"])
    content = graph(
        node("Add", ["x", "x"], ["y0"]),
        broken,
        constants={"shape": np.array([5, 5])},
        inputs={"x": one},
        outputs=2,
    )
    session = NumpySession(content, "made")
    assert session.run(["y0"], {"x": one})[0].tolist() == [[2, 2]]
    assert session.run(["x", "shape"], {"x": one})[1].tolist() == [5, 5]
    with pytest.raises(ArtifactCorrupt, match="numpy cannot run made"):
        session.run(["y1"], {"x": one})


@pytest.mark.parametrize(
    "content",
    [b"", b"not a graph", encoder(constant("odd", [3], 1, b"\0")), encoder(floats("none", [0]))],
    ids=["empty", "text", "short tensor", "empty tensor"],
)
def test_a_file_that_is_no_graph_is_corrupt(content: bytes) -> None:
    """The file is named."""
    with pytest.raises(ArtifactCorrupt, match="the file"):
        NumpySession(content, "the file")


@pytest.mark.parametrize(
    "made",
    [
        node("Gather", ["mask", "mask"], ["a"]),  # floats as places
        node("Gather", ["table", "input_ids"], ["a"]),  # a word beyond the table
        node("Split", ["mask"], ["a", "b"], attribute("axis", 7)),
        node("Transpose", ["mask"], ["a"], attribute("perm", [0, 0])),
        node("Add", ["nothing", "mask"], ["a"]),
        node("Slice", ["mask", "huge", "huge"], ["a"]),
        node("Concat", ["mask", "weights"], ["a"], attribute("axis", 0)),
        node("MatMul", ["mask", "weights"], ["a"]),
    ],
    ids=range(8),
)
def test_a_graph_that_does_nonsense_is_corrupt(made: bytes) -> None:
    """Nothing of numpy's own gets out."""
    feeds = {"input_ids": np.full((1, 3), 9), "attention_mask": np.ones((1, 3), np.int64)}
    sizes = [floats("table", [2, 2]), constant("huge", [2], 7, struct.pack("<2q", 2**62, -5))]
    with pytest.raises((ArtifactCorrupt, ArtifactIncompatible), match="the file"):
        NumpySession(encoder(made, *sizes), "the file").run(["a"], feeds)


def test_threads_share_a_session(artifact: RouterArtifact) -> None:
    """Also on its first use."""
    encoder = OnnxEncoder(artifact, runtime="numpy")
    with ThreadPoolExecutor(4) as pool:
        vectors = list(
            pool.map(lambda _: encoder.represent("Hello there").vector.tobytes(), "1234")
        )
    assert len(set(vectors)) == 1


def test_numpy_opens_what_export_opens_by_path(
    artifact: RouterArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where onnxruntime is missing; a file that is not there is our error."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert isinstance(open_session(artifact.encoder_path), NumpySession)
    with pytest.raises(ArtifactCorrupt, match="nowhere cannot be read"):
        open_session(artifact.path / "nowhere")
