"""Read just enough of an ONNX file to refuse a dangerous one before a real parser sees it.

A walk over the protobuf wire format: operators, their domains, nested graphs and where tensors
live. Weights are skipped by their length, so the time goes with the operators, not the megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ArtifactCorrupt

__all__ = ["check_onnx"]

ALLOWED_OPERATORS = frozenset(
    """Add And ArgMax Attention BiasGelu Cast Clip Concat Constant ConstantOfShape DequantizeLinear
    Div DynamicQuantizeLinear DynamicQuantizeMatMul EmbedLayerNormalization Equal Erf Exp
    Expand FastGelu FusedMatMul Gather Gelu Gemm Greater Identity IsNaN LayerNormalization Less
    MatMul MatMulInteger MatMulIntegerToFloat Mul Not Pow QAttention QEmbedLayerNormalization
    QuantizeLinear Range ReduceMax ReduceMean ReduceSum ReduceSumSquare Relu Reshape Round
    Shape SimplifiedLayerNormalization SkipLayerNormalization Slice Softmax Split Sqrt Squeeze
    Sub Tanh Transpose Unsqueeze Where
    """.split()
)
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})

# Field numbers of onnx.proto
MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER = 1, 5, 15
NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE_TENSOR, ATTRIBUTE_SPARSE_TENSORS = 22, 23
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14

MAX_DEPTH = 8  # of graphs inside graphs
MAX_KEY = 0xFFFFFFFF  # protobuf drops the bits above it; we would then see another field


def check_onnx(data: bytes, where: str) -> None:
    """Raise ArtifactCorrupt unless every operator is allowed and every tensor is inside."""
    try:
        graphs = 0
        for field, value in _fields(memoryview(data)):
            if field == MODEL_FUNCTIONS:
                raise ArtifactCorrupt(f"{where} defines functions of its own, which is not allowed")
            if field == MODEL_GRAPH:
                _check_graph(_message(value), where, MAX_DEPTH)
                graphs += 1
    except (IndexError, UnicodeDecodeError) as error:
        raise ArtifactCorrupt(f"{where} is not an ONNX model: {error}") from None
    if graphs != 1:
        raise ArtifactCorrupt(f"{where} is not an ONNX model: it holds {graphs} graphs")


def _check_graph(graph: memoryview, where: str, depth: int) -> None:
    if depth == 0:
        raise ArtifactCorrupt(f"{where} nests graphs more than {MAX_DEPTH} deep")
    for field, value in _fields(graph):
        if field == GRAPH_NODE:
            _check_node(_message(value), where, depth)
        elif field == GRAPH_INITIALIZER:
            _check_tensor(_message(value), where)
        elif field == GRAPH_SPARSE_INITIALIZER:
            raise ArtifactCorrupt(f"{where} holds a sparse tensor, which is not allowed")


def _check_node(node: memoryview, where: str, depth: int) -> None:
    operator = domain = ""
    for field, value in _fields(node):
        if field == NODE_OPERATOR:
            operator = str(_message(value), "utf-8")
        elif field == NODE_DOMAIN:
            domain = str(_message(value), "utf-8")
        elif field == NODE_ATTRIBUTE:
            _check_attribute(_message(value), where, depth)
    if operator not in ALLOWED_OPERATORS or domain not in ALLOWED_DOMAINS:
        raise ArtifactCorrupt(f"{where} uses the operator {domain}:{operator}, not allowed")


def _check_attribute(attribute: memoryview, where: str, depth: int) -> None:
    for field, value in _fields(attribute):
        if field in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            _check_tensor(_message(value), where)
        elif field in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
            _check_graph(_message(value), where, depth - 1)
        elif field in (ATTRIBUTE_SPARSE_TENSOR, ATTRIBUTE_SPARSE_TENSORS):
            raise ArtifactCorrupt(f"{where} holds a sparse tensor, which is not allowed")


def _check_tensor(tensor: memoryview, where: str) -> None:
    for field, value in _fields(tensor):
        if field == TENSOR_EXTERNAL or (field == TENSOR_LOCATION and value != 0):
            raise ArtifactCorrupt(f"{where} keeps a tensor in another file, which is not allowed")


def _message(value: int | memoryview | None) -> memoryview:
    if not isinstance(value, memoryview):
        raise IndexError("a number where a message should be")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview | None]]:
    """Field number and value: an int for a varint, bytes where a length says so, else None."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key > MAX_KEY:
            raise IndexError("a field number is too large")
        field, wire = key >> 3, key & 7
        if wire == 0:
            number, at = _varint(message, at)
            yield field, number
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise IndexError(f"unknown wire type {wire}")
        if at + size > len(message):
            raise IndexError("a field is longer than its message")
        yield field, message[at : at + size] if wire == 2 else None
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise IndexError("a number is too long")
