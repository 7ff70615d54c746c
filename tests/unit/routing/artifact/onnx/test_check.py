"""The gate before the ONNX parser, on protobufs written by hand."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_router.errors import ArtifactCorrupt
from edge_router.routing.artifact.onnx.check import ALLOWED_OPERATORS, check_onnx

# Field numbers of onnx.proto
IR_VERSION, GRAPH, TRAINING_INFO, FUNCTIONS = 1, 7, 20, 25
NODE, GRAPH_NAME, INITIALIZER, SPARSE_INITIALIZER = 1, 2, 5, 15
INPUT, OPERATOR, ATTRIBUTE, DOMAIN = 1, 4, 5, 7
TENSOR, SUBGRAPH, TENSORS, SUBGRAPHS, SPARSE_TENSOR, SPARSE_TENSORS = 5, 6, 10, 11, 22, 23
DIMS, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 9, 13, 14


def _varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(operator: bytes, *attributes: bytes, domain: bytes = b"") -> bytes:
    told = [_bytes(INPUT, b"x"), _bytes(OPERATOR, operator), _bytes(DOMAIN, domain)]
    return _bytes(NODE, *told, *[_bytes(ATTRIBUTE, a) for a in attributes])


def _model(*graph: bytes) -> bytes:
    return _number(IR_VERSION, 8) + _bytes(GRAPH, _bytes(GRAPH_NAME, b"g"), *graph)


EXTERNAL = _bytes(EXTERNAL_DATA, _bytes(1, b"location"), _bytes(2, b"/etc/passwd"))
WEIGHTS = _number(DIMS, 2) + _bytes(RAW_DATA, b"\x00" * 8)
SMALL = _model(_node(b"MatMul"), _bytes(INITIALIZER, WEIGHTS))


@pytest.mark.parametrize("operator", sorted(ALLOWED_OPERATORS))
def test_an_allowed_operator_passes(operator: str) -> None:
    """Each operator of the list may be used."""
    (node,) = check_onnx(_model(_node(operator.encode())), "m.onnx").nodes
    assert (node.operator, node.inputs) == (operator, ["x"])


@pytest.mark.parametrize("domain", [b"", b"ai.onnx", b"com.microsoft"])
def test_an_allowed_domain_passes(domain: bytes) -> None:
    """ONNX's own operators and ONNX Runtime's fused ones may be used."""
    (node,) = check_onnx(_model(_node(b"MatMul", domain=domain)), "m.onnx").nodes
    assert node.operator == "MatMul"


@pytest.mark.parametrize("location", [b"", _number(DATA_LOCATION, 0)], ids=["unsaid", "said"])
def test_weights_inside_the_file_pass(location: bytes) -> None:
    """An initializer and a constant that hold their own bytes are fine."""
    inside = WEIGHTS + location
    constant = _node(b"Constant", _bytes(TENSOR, inside))
    graph = check_onnx(_model(_bytes(INITIALIZER, inside), constant), "m.onnx")
    assert [(c.shape, bytes(c.raw)) for c in graph.constants] == [((2,), b"\x00" * 8)]
    assert [node.operator for node in graph.nodes] == ["Constant"]


@pytest.mark.parametrize("wire", [1, 5])
def test_unknown_fields_of_fixed_width_are_skipped(wire: int) -> None:
    """A newer file may hold fields that this check does not know."""
    width = {1: 8, 5: 4}[wire]
    widened = _varint(99 << 3 | wire) + b"\xff" * width + SMALL
    assert check_onnx(widened, "m.onnx") == check_onnx(SMALL, "m.onnx")


@pytest.mark.parametrize("operator", [b"Loop", b"If", b"Scan", b"PyOp", b"matmul", b""])
def test_an_unknown_operator_is_refused_by_name(operator: bytes) -> None:
    """The message names the file and the operator."""
    with pytest.raises(ArtifactCorrupt, match=f"m.onnx uses the operator :{operator.decode()}, "):
        check_onnx(_model(_node(b"MatMul"), _node(operator)), "m.onnx")


@pytest.mark.parametrize("domain", [b"ai.onnx.contrib", b"ai.onnx.ml", b"com.evil", b" "])
def test_an_unknown_domain_is_refused_by_name(domain: bytes) -> None:
    """An allowed name from somewhere else is another operator."""
    with pytest.raises(ArtifactCorrupt, match=f"{domain.decode()}:MatMul"):
        check_onnx(_model(_node(b"MatMul", domain=domain)), "m.onnx")


def test_a_node_without_an_operator_is_refused() -> None:
    """Nothing is not on the list."""
    with pytest.raises(ArtifactCorrupt, match="not allowed"):
        check_onnx(_model(_bytes(NODE, _bytes(INPUT, b"x"))), "m.onnx")


def test_functions_are_refused() -> None:
    """A model may not define operators of its own."""
    with pytest.raises(ArtifactCorrupt, match="functions of its own"):
        check_onnx(SMALL + _bytes(FUNCTIONS, _bytes(1, b"MatMul")), "m.onnx")


@pytest.mark.parametrize("fault", [EXTERNAL, _number(DATA_LOCATION, 1), _number(DATA_LOCATION, 2)])
@pytest.mark.parametrize("place", ["initializer", "attribute", "attributes", "subgraph"])
def test_a_tensor_in_another_file_is_refused_wherever_it_is(fault: bytes, place: str) -> None:
    """External data is found in initializers, in attributes and in nested graphs."""
    tensor = WEIGHTS + fault
    graph = {
        "initializer": _bytes(INITIALIZER, tensor),
        "attribute": _node(b"Constant", _bytes(TENSOR, tensor)),
        "attributes": _node(b"Constant", _bytes(TENSORS, WEIGHTS) + _bytes(TENSORS, tensor)),
        "subgraph": _node(b"Add", _bytes(SUBGRAPH, _bytes(INITIALIZER, tensor))),
    }[place]
    with pytest.raises(ArtifactCorrupt, match="keeps a tensor in another file"):
        check_onnx(_model(graph), "m.onnx")


def test_a_sparse_initializer_is_refused() -> None:
    """Sparse tensors are not looked into, so they are not let in."""
    with pytest.raises(ArtifactCorrupt, match="sparse tensor"):
        check_onnx(_model(_bytes(SPARSE_INITIALIZER, _bytes(1, WEIGHTS))), "m.onnx")


@pytest.mark.parametrize("field", [SPARSE_TENSOR, SPARSE_TENSORS])
@pytest.mark.parametrize("values", [WEIGHTS, WEIGHTS + EXTERNAL], ids=["inside", "external"])
def test_a_sparse_attribute_is_refused(field: int, values: bytes) -> None:
    """A Constant may not smuggle a sparse tensor, least of all one in another file."""
    with pytest.raises(ArtifactCorrupt):
        check_onnx(_model(_node(b"Constant", _bytes(field, _bytes(1, values)))), "m.onnx")


@pytest.mark.parametrize("field", [SUBGRAPH, SUBGRAPHS])
@pytest.mark.parametrize("depth", [1, 5])
def test_an_operator_hidden_in_a_subgraph_is_found(field: int, depth: int) -> None:
    """However deep it is nested in graph attributes."""
    graph = _node(b"Loop")
    for _ in range(depth):
        graph = _node(b"Add", _bytes(field, graph))
    with pytest.raises(ArtifactCorrupt, match=":Loop, "):
        check_onnx(_model(graph), "m.onnx")


def test_a_harmless_subgraph_passes() -> None:
    """Nesting itself is no fault."""
    graph = check_onnx(_model(_node(b"Add", _bytes(SUBGRAPH, _node(b"Mul")))), "m.onnx")
    assert [node.operator for node in graph.nodes] == ["Add"]


def test_nesting_without_end_is_refused() -> None:
    """A file of a few kilobytes cannot exhaust the stack."""
    graph = b""
    for _ in range(400):
        graph = _node(b"Add", _bytes(SUBGRAPH, graph))
    with pytest.raises(ArtifactCorrupt):
        check_onnx(_model(graph), "m.onnx")


@pytest.mark.parametrize(
    "cover", [_varint(OPERATOR << 3 | 5) + b"Cast", _varint(OPERATOR << 3 | 1) + b"Identity"]
)
def test_a_field_of_the_wrong_wire_type_cannot_cover_the_operator(cover: bytes) -> None:
    """ONNX Runtime skips such a field and runs the operator that stands before it."""
    node = _bytes(NODE, _bytes(INPUT, b"x"), _bytes(OPERATOR, b"Loop"), cover)
    with pytest.raises(ArtifactCorrupt):
        check_onnx(_model(node), "m.onnx")


@pytest.mark.parametrize("surplus", [0x10, 0x20, 0x40])
def test_a_field_number_with_surplus_bits_cannot_hide_a_node(surplus: int) -> None:
    """Protobuf drops the bits of a key above the 32nd, so ONNX Runtime sees field 1, a node."""
    content = _bytes(OPERATOR, b"Loop")
    key = bytes([(NODE << 3 | 2) | 128, 128, 128, 128, surplus])
    with pytest.raises(ArtifactCorrupt):
        check_onnx(_model(key + _varint(len(content)) + content), "m.onnx")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"not a model at all",
        b"\xff" * 100,
        _number(IR_VERSION, 8),
        _number(GRAPH, 3),
        SMALL + SMALL,
        _model(_number(NODE, 3)),
        _model(_bytes(NODE, _number(OPERATOR, 3))),
        _model(_node(b"\xff\xfe")),
        _varint(GRAPH << 3 | 2) + b"\xff" * 9 + b"\x01",
        _varint(GRAPH << 3 | 3),
        _varint(IR_VERSION << 3) + b"\x80" * 11 + b"\x00" + SMALL,
    ],
    ids=[
        "empty", "zero", "text", "ones", "no graph", "number for a graph", "two graphs",
        "number for a node", "number for an operator", "operator not UTF-8", "huge length",
        "group", "number without end",
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(data: bytes) -> None:
    """Garbage of every kind gets our error, which names the file."""
    with pytest.raises(ArtifactCorrupt, match=r"m\.onnx"):
        check_onnx(data, "m.onnx")


@pytest.mark.parametrize("size", range(len(SMALL)))
def test_a_file_cut_short_is_refused(size: int) -> None:
    """Whatever the number of bytes that arrived."""
    with pytest.raises(ArtifactCorrupt):
        check_onnx(SMALL[:size], "m.onnx")


def _stays_in_bounds(data: bytes) -> bool:
    """Whether the check gives a graph of allowed operators, or refuses the file by its name."""
    try:
        graph = check_onnx(data, "m.onnx")
    except ArtifactCorrupt as error:
        return "m.onnx" in str(error)
    return all(node.operator in ALLOWED_OPERATORS for node in graph.nodes)


@given(st.binary(max_size=300))
@example(b"\x80" * 11)
@example(b"\x3a\x02\x0a\x7f")
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    """No input makes the check fail in a way of its own."""
    assert _stays_in_bounds(data)


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_a_changed_byte_raises_nothing_else(at: int, byte: int) -> None:
    """Nor does a real model with one byte changed."""
    changed = bytearray(SMALL)
    changed[at] = byte
    assert _stays_in_bounds(bytes(changed))
