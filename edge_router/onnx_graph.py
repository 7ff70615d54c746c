"""The graph of an ONNX file as values: nodes, constants, inputs and outputs, nothing computed.

Stricter than the format: each thing that an encoder does not need is refused, so that what stands
here is all that onnxruntime will see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .onnx_wire import Value, fields, message

__all__ = ["Attribute", "Constant", "Graph", "Node", "NotAllowed", "read_graph"]

MOST_IN_GRAPH, MOST_IN_NODE, MOST_IN_TENSOR = 10_000, 100, 32
MAX_NAME = 1_000
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_CONSTANT, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
GRAPH_IGNORED = {2, 10, 16}  # its name, a comment, more comments
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
NODE_IGNORED = {3, 6, 9}
ATTRIBUTE_NAME, ATTRIBUTE_TYPE, ATTRIBUTE_IGNORED = 1, 20, {13}
ATTRIBUTE_FIELDS = {1: 2, 2: 3, 3: 4, 4: 5, 7: 8}  # by type: float, int, text, tensor, ints
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
TENSOR_IGNORED = {12, 14, 16}  # the check before has seen that no data lies elsewhere
BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1}  # float, uint8, int8, int32, int64, bool
FLOAT, INT64 = 1, 7
SMALL = 16  # a constant of so many numbers may say a shape


class NotAllowed(ValueError):
    """What is wrong with a graph, in words; the caller names the file."""


class Constant(NamedTuple):
    """A tensor in the file: `shape`, `kind` (a key of BYTES), its bytes, little-endian."""

    name: str
    shape: tuple[int, ...]
    kind: int
    raw: memoryview

    def numbers(self) -> list[int] | None:
        """Its int64 numbers, where they are few."""
        if self.kind != INT64 or len(self.raw) > SMALL * 8:
            return None
        raw = bytes(self.raw)
        return [
            int.from_bytes(raw[at : at + 8], "little", signed=True) for at in range(0, len(raw), 8)
        ]


Attribute = int | float | bytes | list[int] | Constant


class Node(NamedTuple):
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: Mapping[str, Attribute]


class Graph(NamedTuple):
    """`inputs` and `outputs` are names."""

    nodes: Sequence[Node]
    constants: Sequence[Constant]
    inputs: Sequence[str]
    outputs: Sequence[str]


def read_graph(data: bytes) -> Graph:
    """The one graph of a model. Raises NotAllowed, and IndexError for what is no protobuf."""
    for field, value in fields(memoryview(data)):
        if field == MODEL_GRAPH:
            return _graph(message(value))
    raise NotAllowed("holds no graph")


def _graph(graph: memoryview) -> Graph:
    found = Graph([], [], [], [])
    readers: dict[int, tuple[list[object], Callable[[memoryview], object]]] = {
        GRAPH_NODE: (found.nodes, _node),  # type: ignore[dict-item]
        GRAPH_CONSTANT: (found.constants, _constant),  # type: ignore[dict-item]
        GRAPH_INPUT: (found.inputs, _value_name),  # type: ignore[dict-item]
        GRAPH_OUTPUT: (found.outputs, _value_name),  # type: ignore[dict-item]
    }
    for field, value in fields(graph, most=MOST_IN_GRAPH):
        if field in readers:
            kept, read = readers[field]
            kept.append(read(message(value)))
        elif field not in GRAPH_IGNORED:
            raise NotAllowed(f"has the field {field} in its graph")
    return found


def _node(node: memoryview) -> Node:
    operator, inputs, outputs = "", [], []
    attributes: dict[str, Attribute] = {}
    for field, value in fields(node, most=MOST_IN_NODE):
        if field == NODE_INPUT:
            inputs.append(_text(value))
        elif field == NODE_OUTPUT:
            outputs.append(_text(value))
        elif field == NODE_OPERATOR:
            operator = _text(value)
        elif field == NODE_ATTRIBUTE:
            name, attribute = _attribute(message(value))
            if name in attributes:
                raise NotAllowed(f"has the attribute {name} twice")
            attributes[name] = attribute
        elif field not in NODE_IGNORED and field != NODE_DOMAIN:
            raise NotAllowed(f"has the field {field} in a node")
    return Node(operator, inputs, outputs, attributes)


def _attribute(attribute: memoryview) -> tuple[str, Attribute]:
    """Its name and the one value that its type says; onnxruntime looks at no other."""
    found: dict[int, Value] = {}
    ints: list[int] = []
    for field, value in fields(attribute):
        if field == ATTRIBUTE_FIELDS[7]:
            ints += _integers(value)
        elif field in found:
            raise NotAllowed("says something of an attribute twice")
        elif field not in ATTRIBUTE_IGNORED:
            found[field] = value
    name, kind = _text(found.pop(ATTRIBUTE_NAME, None)), found.pop(ATTRIBUTE_TYPE, None)
    field = ATTRIBUTE_FIELDS.get(kind) if isinstance(kind, int) else None  # type: ignore[assignment]
    if found.keys() - {field} or field is None or (ints and kind != 7):
        raise NotAllowed(f"has an attribute {name} of no kind that is allowed")
    value = found.get(field)
    if kind == 7:
        return name, ints
    if kind == 2:
        return name, _signed(0 if value is None and field not in found else value)
    if kind == 1:
        return name, math.nan  # no shape depends on one
    content = message(value)
    return name, _constant(content) if kind == 4 else bytes(content)


def _constant(tensor: memoryview) -> Constant:
    name, kind, shape, raw = "", 0, [], memoryview(b"")
    for field, value in fields(tensor, most=MOST_IN_TENSOR):
        if field == TENSOR_DIMS:
            shape += _integers(value)
        elif field == TENSOR_TYPE:
            kind = _signed(value)
        elif field == TENSOR_NAME:
            name = _text(value)
        elif field == TENSOR_RAW:
            raw = message(value)
        elif field not in TENSOR_IGNORED:
            raise NotAllowed(f"has the field {field} in the tensor {name}")
    if kind not in BYTES:
        raise NotAllowed(f"has the tensor {name} of the type {kind}")
    if min(shape, default=1) < 1 or math.prod(shape) * BYTES[kind] != len(raw):
        raise NotAllowed(f"has {len(raw)} bytes for the tensor {name}, {shape} of type {kind}")
    if kind == FLOAT and not _finite(bytes(raw)):
        raise NotAllowed(f"has numbers that are not finite in the tensor {name}")
    return Constant(name, tuple(shape), kind, raw)


_TOP = bytes(byte & 127 == 127 for byte in range(256))
_NEXT = bytes(byte >= 128 for byte in range(256))


def _finite(raw: bytes) -> bool:
    """Of float32 numbers: in NaN and infinity all eight bits of the exponent are set."""
    top = raw[3::4].translate(_TOP)
    if 1 not in top:
        return True
    return not int.from_bytes(top, "big") & int.from_bytes(raw[2::4].translate(_NEXT), "big")


def _value_name(value_info: memoryview) -> str:
    for field, value in fields(value_info):
        if field == 1:
            return _text(value)
    return ""


def _text(value: Value) -> str:
    found = message(value)
    if len(found) > MAX_NAME:
        raise NotAllowed(f"has a name of {len(found)} bytes")
    return str(found, "utf-8")


def _signed(value: Value) -> int:
    """An int64 as protobuf writes it."""
    if not isinstance(value, int):
        raise IndexError("no number where one should be")
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def _integers(value: Value) -> list[int]:
    """One number, or several in one field."""
    if isinstance(value, int):
        return [_signed(value)]
    packed = message(value)
    if len(packed) > 1_000:
        raise NotAllowed("has a list of more than 100 numbers")
    found, number, shift = [], 0, 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(_signed(number))
            number = shift = 0
        elif shift > 63:
            raise IndexError("a number is too long")
    if shift:
        raise IndexError("a list of numbers broke off")
    return found
