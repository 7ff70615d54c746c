"""Read just enough of an ONNX file to refuse a dangerous one before a real parser sees it.

A walk over the protobuf wire format: operators, their domains, nested graphs and where tensors
live. Weights are skipped by their length, so the time goes with the operators, not the megabytes.
"""

from __future__ import annotations

from .errors import ArtifactCorrupt
from .onnx_rules import RULES
from .onnx_wire import fields, message

__all__ = ["check_onnx"]

ALLOWED_OPERATORS = frozenset(RULES)
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})

# Field numbers of onnx.proto
MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER = 1, 5, 15
NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE_TENSOR, ATTRIBUTE_SPARSE_TENSORS = 22, 23
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14

MAX_DEPTH = 8  # of graphs inside graphs
MOST_IN_GRAPH, MOST_IN_TENSOR = 10_000, 50  # fields
MAX_NODE_BYTES = 2**20  # of all of a graph together; 10 kB are usual


def check_onnx(data: bytes, where: str) -> None:
    """Raise ArtifactCorrupt unless every operator is allowed and every tensor is inside."""
    try:
        graphs = 0
        for field, value in fields(memoryview(data)):
            if field == MODEL_FUNCTIONS:
                raise ArtifactCorrupt(f"{where} defines functions of its own, which is not allowed")
            if field == MODEL_GRAPH:
                _check_graph(message(value), where, MAX_DEPTH)
                graphs += 1
    except (IndexError, UnicodeDecodeError) as error:
        raise ArtifactCorrupt(f"{where} is not an ONNX model: {error}") from None
    if graphs != 1:
        raise ArtifactCorrupt(f"{where} is not an ONNX model: it holds {graphs} graphs")


def _check_graph(graph: memoryview, where: str, depth: int) -> None:
    if depth == 0:
        raise ArtifactCorrupt(f"{where} nests graphs more than {MAX_DEPTH} deep")
    left = MAX_NODE_BYTES
    for field, value in fields(graph, most=MOST_IN_GRAPH):
        if field == GRAPH_NODE:
            node = message(value)
            left -= len(node)
            if left < 0:
                raise ArtifactCorrupt(f"{where} has nodes of more than {MAX_NODE_BYTES} bytes")
            _check_node(node, where, depth)
        elif field == GRAPH_INITIALIZER:
            _check_tensor(message(value), where)
        elif field == GRAPH_SPARSE_INITIALIZER:
            raise ArtifactCorrupt(f"{where} holds a sparse tensor, which is not allowed")


def _check_node(node: memoryview, where: str, depth: int) -> None:
    operator = domain = ""
    for field, value in fields(node):
        if field == NODE_OPERATOR:
            operator = str(message(value), "utf-8")
        elif field == NODE_DOMAIN:
            domain = str(message(value), "utf-8")
        elif field == NODE_ATTRIBUTE:
            _check_attribute(message(value), where, depth)
    if operator not in ALLOWED_OPERATORS or domain not in ALLOWED_DOMAINS:
        raise ArtifactCorrupt(f"{where} uses the operator {domain}:{operator}, not allowed")


def _check_attribute(attribute: memoryview, where: str, depth: int) -> None:
    for field, value in fields(attribute):
        if field in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            _check_tensor(message(value), where)
        elif field in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
            _check_graph(message(value), where, depth - 1)
        elif field in (ATTRIBUTE_SPARSE_TENSOR, ATTRIBUTE_SPARSE_TENSORS):
            raise ArtifactCorrupt(f"{where} holds a sparse tensor, which is not allowed")


def _check_tensor(tensor: memoryview, where: str) -> None:
    for field, value in fields(tensor, most=MOST_IN_TENSOR):
        if field == TENSOR_EXTERNAL or (field == TENSOR_LOCATION and value != 0):
            raise ArtifactCorrupt(f"{where} keeps a tensor in another file, which is not allowed")
