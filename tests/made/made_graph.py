"""ONNX files written byte by byte, so that they may be as wrong as one likes."""

from __future__ import annotations

import struct

# Field numbers of onnx.proto
NODE, INITIALIZER, INPUT, OUTPUT = 1, 5, 11, 12


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, *content: bytes) -> bytes:
    whole = b"".join(content)
    return varint(field << 3 | 2) + varint(len(whole)) + whole


def tensor(name: str, dims: list[int], kind: int, raw: bytes) -> bytes:
    sizes = b"".join(number(1, size) for size in dims)
    return sizes + number(2, kind) + part(8, name.encode()) + part(9, raw)


def constant(name: str, dims: list[int], kind: int, raw: bytes) -> bytes:
    return part(INITIALIZER, tensor(name, dims, kind, raw))


def floats(name: str, dims: list[int], value: float = 0.0) -> bytes:
    count = 1
    for size in dims:
        count *= size
    return constant(name, dims, 1, struct.pack("<f", value) * count)


def ints(name: str, values: list[int]) -> bytes:
    return constant(name, [len(values)], 7, struct.pack(f"<{len(values)}q", *values))


def attribute(name: str, value: int | list[int] | bytes) -> bytes:
    if isinstance(value, int):
        return part(5, part(1, name.encode()), number(3, value), number(20, 2))
    if isinstance(value, bytes):
        return part(5, part(1, name.encode()), part(5, value), number(20, 4))
    return part(5, part(1, name.encode()), *[number(8, v) for v in value], number(20, 7))


def node(
    operator: str, inputs: list[str], outputs: list[str], *attributes: bytes, domain: str = ""
) -> bytes:
    named = [part(1, name.encode()) for name in inputs]
    named += [part(2, name.encode()) for name in outputs]
    message = [part(4, operator.encode()), part(7, domain.encode())]
    return part(NODE, *named, *message, *attributes)


def value_info(field: int, name: str, kind: int, dims: list[int | str]) -> bytes:
    sizes = [
        part(1, number(1, size) if isinstance(size, int) else part(2, size.encode()))
        for size in dims
    ]
    typed = part(1, number(1, kind), part(2, *sizes))
    return part(field, part(1, name.encode()), part(2, typed))


def model(*graph: bytes, opset: int = 21) -> bytes:
    """With the inputs and outputs of an encoder of 4 numbers."""
    ends = [
        value_info(INPUT, "input_ids", 7, ["batch", "tokens"]),
        value_info(INPUT, "attention_mask", 7, ["batch", "tokens"]),
        value_info(OUTPUT, "representation", 1, ["batch", 4]),
        value_info(OUTPUT, "log_tokens", 1, ["batch", 1]),
    ]
    imported = [
        part(8, part(1, b""), number(2, opset)),
        part(8, part(1, b"com.microsoft"), number(2, 1)),
    ]
    return number(1, 10) + part(7, part(2, b"g"), *graph, *ends) + b"".join(imported)


def encoder(*graph: bytes, seen: str = "mask") -> bytes:
    """A small encoder that multiplies the mean of `seen` (batch, tokens) by weights."""
    return model(
        node("Cast", ["attention_mask"], ["mask"], attribute("to", 1)),
        *graph,
        node("ReduceSum", [seen, "last"], ["total"], attribute("keepdims", 1)),
        node("Gemm", ["total", "weights"], ["representation"]),
        node("Gemm", ["total", "length"], ["log_tokens"]),
        ints("last", [1]),
        floats("weights", [1, 4], 0.25),
        floats("length", [1, 1], 0.5),
    )
