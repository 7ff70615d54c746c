"""Read just enough of an ONNX file to refuse a dangerous one before a real parser sees it.

A walk over the protobuf wire format: operators, their domains, nested graphs and where tensors
live. Weights are skipped by their length, so the time goes with the operators, not the megabytes.
How large its tensors get is the next question: see `onnx_bounds`.
"""

from __future__ import annotations

from edge_router.errors import ArtifactCorrupt

from .graph import OTHER, UNFIT, UNKNOWN, Attribute, Constant, Graph, Node
from .rules import RULES
from .wire import Buffer, Value, fields, integers, message, signed, text

__all__ = ["check_onnx"]

ALLOWED_OPERATORS = frozenset(RULES)
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})

# Field numbers of onnx.proto
MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER = 1, 5, 15
GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO = 11, 12, 13
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_DOC, ATTRIBUTE_TYPE = 1, 13, 20
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_TEXT, ATTRIBUTE_INTS = 2, 3, 4, 8
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE_TENSOR, ATTRIBUTE_SPARSE_TENSORS = 22, 23
ATTRIBUTE_FIELDS = {  # by type
    1: ATTRIBUTE_FLOAT, 2: ATTRIBUTE_INT, 3: ATTRIBUTE_TEXT, 4: ATTRIBUTE_TENSOR, 7: ATTRIBUTE_INTS
}  # fmt: skip
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
TENSOR_IGNORED = (12, 14, 16)  # comments, and the location once it is known to be inside
VALUE_NAME = 1

MAX_DEPTH = 8  # of graphs inside graphs
MOST_IN_GRAPH, MOST_IN_TENSOR = 10_000, 50  # fields
MAX_NODE_BYTES = 2**20  # of all of a graph together; 10 kB are usual


def check_onnx(data: bytes, where: str) -> Graph:
    """The graph; ArtifactCorrupt unless every operator is allowed and every tensor is inside."""
    graphs = []
    try:
        for field, value in fields(memoryview(data)):
            if field == MODEL_FUNCTIONS:
                raise ArtifactCorrupt(f"{where} defines functions of its own, which is not allowed")
            if field == MODEL_GRAPH:
                graphs.append(_graph(message(value), where, MAX_DEPTH))
    except (IndexError, UnicodeDecodeError) as error:
        raise ArtifactCorrupt(f"{where} is not an ONNX model: {error}") from None
    if len(graphs) != 1:
        raise ArtifactCorrupt(f"{where} is not an ONNX model: it holds {len(graphs)} graphs")
    return graphs[0]


def _graph(graph: Buffer, where: str, depth: int) -> Graph:
    if depth == 0:
        raise ArtifactCorrupt(f"{where} nests graphs more than {MAX_DEPTH} deep")
    parsed, left = Graph([], [], [], []), MAX_NODE_BYTES
    for field, value in fields(graph, most=MOST_IN_GRAPH):
        if field == GRAPH_NODE:
            node = message(value)
            left -= len(node)
            if left < 0:
                raise ArtifactCorrupt(f"{where} has nodes of more than {MAX_NODE_BYTES} bytes")
            parsed.nodes.append(_node(bytes(node), where, depth))
        elif field == GRAPH_INITIALIZER:
            parsed.constants.append(_tensor(message(value), where))
        elif field in (GRAPH_INPUT, GRAPH_OUTPUT):
            named = parsed.inputs if field == GRAPH_INPUT else parsed.outputs
            named.append(_name(message(value)))
        elif field == GRAPH_SPARSE_INITIALIZER:
            raise ArtifactCorrupt(f"{where} holds a sparse tensor, which is not allowed")
        elif field == GRAPH_VALUE_INFO:
            raise ArtifactCorrupt(f"{where} states shapes of its own, which is not allowed")
    return parsed


def _node(node: bytes, where: str, depth: int) -> Node:
    operator = domain = ""
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: dict[str, Attribute] = {}
    for field, value in fields(node):
        if field == NODE_INPUT:
            inputs.append(text(value))
        elif field == NODE_OUTPUT:
            outputs.append(text(value))
        elif field == NODE_OPERATOR:
            operator = text(value)
        elif field == NODE_DOMAIN:
            domain = text(value)
        elif field == NODE_ATTRIBUTE:
            name, attribute = _attribute(message(value), where, depth)
            attributes[name] = UNFIT if name in attributes else attribute
    if operator not in ALLOWED_OPERATORS or domain not in ALLOWED_DOMAINS:
        raise ArtifactCorrupt(f"{where} uses the operator {domain}:{operator}, not allowed")
    return Node(operator, inputs, outputs, attributes)


def _attribute(attribute: Buffer, where: str, depth: int) -> tuple[str, Attribute]:
    """The attribute's name, and the value in the field that its type names; UNFIT where another
    field is set."""
    name, kind = "", 0
    values: dict[int, Attribute] = {}
    for field, value in fields(attribute):
        if field == ATTRIBUTE_NAME:
            name = text(value)
        elif field == ATTRIBUTE_TYPE:
            kind = signed(value)
        elif field == ATTRIBUTE_INTS:
            values[field] = [*values.get(field, []), *integers(value)]  # type: ignore[misc]
        elif field != ATTRIBUTE_DOC:
            read = _attribute_value(field, value, where, depth)
            values[field] = UNFIT if field in values else read
    field = ATTRIBUTE_FIELDS.get(kind, 0)
    if field and values.keys() <= {field}:
        return name, values.get(field, [] if field == ATTRIBUTE_INTS else 0)
    return name, UNFIT


def _attribute_value(field: int, value: Value, where: str, depth: int) -> Attribute:
    if field == ATTRIBUTE_INT:
        return signed(value)
    if field in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
        return _tensor(message(value), where)
    if field in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
        _graph(message(value), where, depth - 1)
        return UNFIT
    if field in (ATTRIBUTE_SPARSE_TENSOR, ATTRIBUTE_SPARSE_TENSORS):
        raise ArtifactCorrupt(f"{where} holds a sparse tensor, which is not allowed")
    return OTHER if field in (ATTRIBUTE_FLOAT, ATTRIBUTE_TEXT) else UNFIT


def _tensor(tensor: Buffer, where: str) -> Constant:
    name, kind, odd = "", 0, False
    shape: list[int] = []
    raw: Buffer = b""
    for field, value in fields(tensor, most=MOST_IN_TENSOR):
        if field == TENSOR_DIMS:
            shape += integers(value)
        elif field == TENSOR_TYPE:
            kind = signed(value)
        elif field == TENSOR_RAW:
            raw = message(value)
        elif field == TENSOR_NAME:
            name = text(value)
        elif field == TENSOR_EXTERNAL or (field == TENSOR_LOCATION and value != 0):
            raise ArtifactCorrupt(f"{where} keeps a tensor in another file, which is not allowed")
        elif field not in TENSOR_IGNORED:
            odd = True
    return Constant(name, tuple(shape), UNKNOWN if odd else kind, raw)


def _name(value_info: Buffer) -> str:
    for field, value in fields(value_info):
        if field == VALUE_NAME:
            return text(value)
    return ""
