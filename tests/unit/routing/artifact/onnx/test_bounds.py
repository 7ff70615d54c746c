"""How large a graph gets is known before anybody runs it."""

from __future__ import annotations

import itertools
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_graph import attribute, constant, encoder, floats, ints, model, node, part, tensor

from edge_router.errors import ArtifactCorrupt
from edge_router.routing.artifact.encoder import open_session
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.onnx.bounds import check_bounds
from edge_router.routing.artifact.onnx.check import ALLOWED_OPERATORS, check_onnx

TOKENS = 128


def check(data: bytes, tokens: int = TOKENS) -> None:
    check_bounds(check_onnx(data, "m.onnx"), "m.onnx", tokens=tokens, dim=4)


def test_a_small_encoder_passes_and_runs(tmp_path: Path) -> None:
    """What passes here is what onnxruntime opens, with the shapes that were worked out."""
    check(encoder())
    (tmp_path / "m.onnx").write_bytes(encoder())
    ids = np.ones((1, 5), dtype=np.int64)
    found = open_session(tmp_path / "m.onnx").run(None, {"input_ids": ids, "attention_mask": ids})
    assert [part.shape for part in found] == [(1, 4), (1, 1)]


@pytest.mark.parametrize("tokens", [8, 64, 128])
def test_the_shipped_graph_passes_for_fewer_tokens_too(
    artifact: RouterArtifact, tokens: int
) -> None:
    """Its shapes follow the number of tokens."""
    graph = check_onnx(artifact.encoder_path.read_bytes(), "m.onnx")
    dim, embedding = artifact.manifest.representation_dim, artifact.manifest.embedding_dim
    check_bounds(graph, "m.onnx", tokens=tokens, dim=dim, embedding=embedding)
    with pytest.raises(ArtifactCorrupt, match="gives representation as"):
        check_bounds(graph, "m.onnx", tokens=tokens, dim=dim + 1, embedding=embedding)


def test_the_shipped_graph_is_refused_for_more_tokens_than_it_has_places(
    artifact: RouterArtifact,
) -> None:
    """It has 128 positions."""
    graph = check_onnx(artifact.encoder_path.read_bytes(), "m.onnx")
    with pytest.raises(ArtifactCorrupt, match="do not fit"):
        check_bounds(
            graph,
            "m.onnx",
            tokens=129,
            dim=artifact.manifest.representation_dim,
            embedding=artifact.manifest.embedding_dim,
        )


def doubled(times: int) -> bytes:
    chain = ["mask", *[f"x{n}" for n in range(times)]]
    pairs = itertools.pairwise(chain)
    nodes = [node("Concat", [a, a], [b], attribute("axis", 1)) for a, b in pairs]
    return encoder(*nodes, seen=chain[-1])


def outer(size: int) -> bytes:
    """A column times a row, several times: few bytes, many numbers."""
    return encoder(
        floats("column", [size, 1]), floats("row", [1, size]),
        node("Add", ["column", "row"], ["square"]),
        node("Unsqueeze", ["square", "first"], ["wide"]), ints("first", [2]),
        node("Add", ["wide", "row"], ["cube"]),
    )  # fmt: skip


def multiplied(size: int, times: int) -> bytes:
    chain = ["x", *[f"x{n}" for n in range(times)]]
    nodes = [node("MatMul", [a, "x"], [b]) for a, b in itertools.pairwise(chain)]
    return encoder(floats("x", [size, size]), *nodes)


def asked_for(operator: str, *inputs: str) -> bytes:
    return encoder(ints("huge", [2**20] * 3), node(operator, list(inputs), ["y"]))


LARGE = {
    "doubled": doubled(60),
    "outer": outer(4000),
    "multiplied": multiplied(1000, 50),
    "ConstantOfShape": asked_for("ConstantOfShape", "huge"),
    "Expand": asked_for("Expand", "mask", "huge"),
    "Range": asked_for("Range", "huge", "huge", "huge"),
    "Tile": asked_for("Tile", "mask", "huge"),
    "Loop": asked_for("Loop", "huge"),
    "Reshape by data": encoder(node("Reshape", ["mask", "input_ids"], ["y"])),
    "Reshape to zero": encoder(ints("to", [0, 0, 2**40]), node("Reshape", ["mask", "to"], ["y"])),
    "many nodes": encoder(*[node("Exp", ["mask"], [f"y{n}"]) for n in range(4000)]),
    "very many nodes": encoder(*[node("Exp", ["mask"], ["y"])] * 100_000),
    "huge names": encoder(node("Exp", ["mask"], ["y" * 2**21])),
    "reads much": encoder(
        floats("x", [2**20]), *[node("ReduceSum", ["x"], [f"y{n}"]) for n in range(900)]
    ),
    "many fields": part(99, b"") * 10**6 + encoder(),
    "many tensors": encoder(*[floats(f"x{n}", [1]) for n in range(20_000)]),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_would_take_memory_or_time_is_refused(name: str) -> None:
    """From its file alone, in a moment."""
    with pytest.raises(ArtifactCorrupt, match=r"m\.onnx"):
        check(LARGE[name])


NAN, INFINITY = struct.pack("<f", float("nan")), struct.pack("<f", float("-inf"))
ODD = {
    "product too small": constant("x", [2, 2], 1, b"\0" * 4),
    "product huge": constant("x", [2**40, 2**40], 1, b"\0" * 4),
    "product wraps": constant("x", [2**32, 2**32], 1, b""),
    "negative": constant("x", [-1, -1], 1, b"\0" * 4),
    "zero": constant("x", [0, 2**40], 1, b""),
    "texts": constant("x", [1], 8, b"\0" * 4),
    "unknown type": constant("x", [1], 77, b"\0" * 4),
    "nan": constant("x", [2], 1, b"\0" * 4 + NAN),
    "infinite": constant("x", [2], 1, INFINITY + b"\0" * 4),
    "floats elsewhere": part(5, tensor("x", [1], 1, b"\0" * 4), part(4, NAN)),
    "twice": floats("x", [1]) * 2,
    "an input": floats("input_ids", [1]),
    "many axes": floats("x", [1] * 9),
    "stated shape": part(13, part(1, b"mask")),
    "subgraph": node("Exp", ["mask"], ["y"], part(5, part(1, b"g"), part(6, b""))),
    "odd attribute": node("Exp", ["mask"], ["y"], attribute("surprise", 1)),
    "attribute twice": node("Softmax", ["mask"], ["y"], attribute("axis", 0), attribute("axis", 1)),
    "axis beyond": node("Concat", ["mask", "mask"], ["y"], attribute("axis", 2)),
    "no axis": node("Concat", ["mask", "mask"], ["y"]),
    "no inputs": node("Exp", [], ["y"]),
    "unknown input": node("Exp", ["later"], ["y"]),
    "itself": node("Exp", ["y"], ["y"]),
    "too many outputs": node("Exp", ["mask"], ["y", "z"]),
    "to texts": node("Cast", ["mask"], ["y"], attribute("to", 8)),
    "constant of texts": node(
        "Constant", [], ["y"], attribute("value", tensor("", [1], 8, b"\0" * 4))
    ),
    "batched": node(
        "FusedMatMul", ["weights", "weights"], ["y"], attribute("transBatchA", 1),
        domain="com.microsoft",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_an_encoder_does_not_need_is_refused(name: str) -> None:
    """With the file in the message; nothing raw."""
    with pytest.raises(ArtifactCorrupt, match=r"m\.onnx"):
        check(encoder(ODD[name]))


@pytest.mark.parametrize("name", [b"attention_mask", b"log_tokens", b"representation"])
def test_a_graph_that_is_no_encoder_is_refused(name: bytes) -> None:
    """It must have the inputs and the outputs of one, and no others."""
    changed = encoder().replace(name, name[:-1] + b"X")
    with pytest.raises(ArtifactCorrupt, match=r"m\.onnx has the (in|out)puts"):
        check(changed)
    with pytest.raises(ArtifactCorrupt, match=r"gives representation as None"):
        check(model())


def test_the_largest_finite_number_is_one() -> None:
    """Masks are made of it."""
    check(encoder(constant("x", [1], 1, struct.pack("<f", -3.4028234663852886e38))))
    with pytest.raises(ArtifactCorrupt, match="not finite"):
        check(encoder(constant("x", [1], 1, struct.pack("<f", -math.inf))))


UNARY = ["Exp", "Round", "Tanh", "Sqrt", "Relu", "Erf"]
STEP = st.one_of(
    st.tuples(st.sampled_from(UNARY)),
    st.tuples(st.just("Add"), st.sampled_from([[1], [3, 1, 1], [1, 7, 1, 1]])),
    st.tuples(st.just("Unsqueeze"), st.integers(-1, 1)),
    st.tuples(st.just("Transpose")),
    st.tuples(st.just("Concat"), st.integers(-1, 0)),
    st.tuples(st.just("ReduceMean"), st.integers(-1, 0)),
    st.tuples(st.just("Slice"), st.integers(-6, 3), st.integers(-3, 9), st.integers(-1, 0)),
    st.tuples(st.just("Reshape"), st.sampled_from([[-1], [1, -1], [0, -1, 1], [-1, 2]])),
    st.tuples(st.just("Gather"), st.integers(-1, 0)),
    st.tuples(st.just("Split"), st.integers(-1, 0)),
)


def _nodes(steps: list[tuple[object, ...]]) -> tuple[bytes, str]:
    graph, last = b"", "mask"
    for place, (operator, *told) in enumerate(steps):
        name, extra, output = str(operator), f"c{place}", f"y{place}"
        inputs, attributes, outputs = [last], [], [output]
        if name == "Add":
            graph += floats(extra, told[0])  # type: ignore[arg-type]
            inputs += [extra]
        elif name in ("Unsqueeze", "ReduceMean"):
            graph += ints(extra, [told[0]])  # type: ignore[list-item]
            inputs += [extra]
        elif name == "Reshape":
            graph += ints(extra, told[0])  # type: ignore[arg-type]
            inputs += [extra]
        elif name == "Slice":
            for letter, value in zip("abc", told, strict=True):
                graph += ints(extra + letter, [value])  # type: ignore[list-item]
                inputs += [extra + letter]
        elif name == "Gather":
            graph += ints(extra, [0, 1, 0])
            inputs, attributes = [last, extra], [attribute("axis", told[0])]  # type: ignore[arg-type]
        elif name == "Concat":
            inputs, attributes = [last, last], [attribute("axis", told[0])]  # type: ignore[arg-type]
        elif name == "Split":
            outputs += [output + "b"]
            attributes = [attribute("axis", told[0]), attribute("num_outputs", 2)]  # type: ignore[arg-type]
        graph += node(name, inputs, outputs, *attributes)
        last = output
    return graph, last


@settings(max_examples=60)
@given(st.lists(STEP, min_size=1, max_size=6), st.integers(1, 12))
def test_no_text_makes_a_tensor_larger_than_was_said(
    steps: list[tuple[object, ...]], tokens: int
) -> None:
    """The bound holds for the most tokens and for fewer, by onnxruntime's own shapes."""
    import onnxruntime

    from edge_router.routing.artifact.onnx.bounds import _shapes

    nodes, last = _nodes(steps)
    data = encoder(nodes)
    try:
        bound = _shapes(check_onnx(data, "m"), 12)[last]
    except ValueError:
        return
    whole = encoder(nodes, node("Identity", [last], ["seen"]), part(12, part(1, b"seen")))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    ids = np.ones((1, tokens), dtype=np.int64)
    try:
        session = onnxruntime.InferenceSession(whole, options, providers=["CPUExecutionProvider"])
        found = session.run(["seen"], {"input_ids": ids, "attention_mask": ids})[0]
    except Exception:  # noqa: BLE001  # onnxruntime refuses some of them in its own ways
        return
    assert found.ndim == len(bound)
    assert all(size <= most for size, most in zip(found.shape, bound, strict=True))


def test_every_operator_that_may_be_used_has_a_rule() -> None:
    """None of those whose output is as large as a number in a tensor says."""
    assert not ALLOWED_OPERATORS & {"ConstantOfShape", "Expand", "Range", "Tile", "Loop", "If"}
