"""The protobuf wire format, as far as an ONNX file needs it: fields of a message, one at a time."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["fields", "message"]

MAX_KEY = 0xFFFFFFFF  # protobuf drops the bits above it; we would then see another field

Value = int | memoryview | None


def message(value: Value) -> memoryview:
    if not isinstance(value, memoryview):
        raise IndexError("a number where a message should be")
    return value


def fields(message: memoryview, *, most: int = 1_000) -> Iterator[tuple[int, Value]]:
    """Field number and value: an int for a varint, bytes where a length says so, else None.

    Raises IndexError for what is no message, or has more than `most` fields.
    """
    at, size, left = 0, len(message), most
    while at < size:
        key = message[at]  # nearly every number is of one byte
        key, at = (key, at + 1) if key < 128 else _varint(message, at)
        if key > MAX_KEY:
            raise IndexError("a field number is too large")
        if not left:
            raise IndexError(f"a message has more than {most} fields")
        left -= 1
        field, wire = key >> 3, key & 7
        if wire == 0:
            number, at = _varint(message, at)
            yield field, number
            continue
        if wire == 2:
            length = message[at]
            length, at = (length, at + 1) if length < 128 else _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise IndexError(f"unknown wire type {wire}")
        end = at + length
        if end > size:
            raise IndexError("a field is longer than its message")
        yield field, message[at:end] if wire == 2 else None
        at = end


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
