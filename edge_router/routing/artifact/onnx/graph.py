"""The graph of an ONNX file as values: nodes, constants, inputs and outputs, nothing computed."""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

from .wire import Buffer

__all__ = [
    "KINDS",
    "OTHER",
    "UNFIT",
    "UNKNOWN",
    "Attribute",
    "Constant",
    "Graph",
    "Node",
    "NotAllowed",
]

KINDS = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1}  # bytes of float, uint8, int8, int32, int64, bool
FLOAT, INT64, UNKNOWN = 1, 7, 0
SMALL = 16  # a constant of so many numbers may say a shape
MAX_NAME = 1_000


class NotAllowed(ValueError):
    """What is wrong with a graph, in words; the caller names the file."""


class _Value(Enum):
    OTHER = "a float or a text, on which no shape depends"
    UNFIT = "something that no operator needs, or two values in one"


OTHER, UNFIT = _Value.OTHER, _Value.UNFIT


class Constant(NamedTuple):
    """A tensor in the file: `shape`, `kind` (see KINDS), its bytes, little-endian."""

    name: str
    shape: tuple[int, ...]
    kind: int
    raw: Buffer

    def check(self) -> None:
        """Raise NotAllowed unless its bytes are what its shape and kind say, and are numbers."""
        if self.kind not in KINDS:
            raise NotAllowed(f"has a tensor {self.name!r} of a type that is not allowed")
        if len(self.shape) > 8 or min(self.shape, default=1) < 1 or len(self.name) > MAX_NAME:
            raise NotAllowed(f"has a tensor {self.name[:80]!r} of the shape {self.shape[:9]}")
        if math.prod(self.shape) * KINDS[self.kind] != len(self.raw):
            raise NotAllowed(
                f"has {len(self.raw)} bytes for the tensor {self.name!r} of {self.shape}"
            )
        if self.kind == FLOAT and not _finite(bytes(self.raw)):
            raise NotAllowed(f"has numbers that are not finite in the tensor {self.name!r}")

    def numbers(self) -> list[int] | None:
        """Its int64 numbers, where they are few."""
        if self.kind != INT64 or len(self.raw) > SMALL * 8:
            return None
        return [
            int.from_bytes(self.raw[at : at + 8], "little", signed=True)
            for at in range(0, len(self.raw), 8)
        ]


Attribute = int | list[int] | Constant | _Value


class Node(NamedTuple):
    """`inputs` and `outputs` are names of tensors, "" where an optional one is left out."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute]


class Graph(NamedTuple):
    """`inputs` and `outputs` are names."""

    nodes: list[Node]
    constants: list[Constant]
    inputs: list[str]
    outputs: list[str]


_TOP = bytes(byte & 127 == 127 for byte in range(256))
_NEXT = bytes(byte >= 128 for byte in range(256))


def _finite(raw: bytes) -> bool:
    """Whether float32 numbers are finite: NaN and infinity have all eight bits of the exponent
    set."""
    top = raw[3::4].translate(_TOP)
    if 1 not in top:
        return True
    return not int.from_bytes(top, "big") & int.from_bytes(raw[2::4].translate(_NEXT), "big")
