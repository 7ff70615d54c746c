"""The protobuf wire format, as far as an ONNX file needs it: fields of a message, one at a time."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Buffer", "Value", "fields", "integers", "message", "signed", "text"]

MAX_KEY = 0xFFFFFFFF  # protobuf drops the bits above it; we would then see another field
MAX_PACKED = 1_000  # bytes of a list of numbers in one field

Buffer = bytes | memoryview
Value = int | Buffer | None


def message(value: Value) -> Buffer:
    if value is None or isinstance(value, int):
        raise IndexError("a number where a message should be")
    return value


def text(value: Value) -> str:
    return str(message(value), "utf-8")


def signed(value: Value) -> int:
    """An int64 as protobuf writes it."""
    if not isinstance(value, int):
        raise IndexError("no number where one should be")
    if value < 2**63:
        return value
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def integers(value: Value) -> list[int]:
    """One number, or several that were packed into one field."""
    if isinstance(value, int):
        return [signed(value)]
    packed, numbers, at = message(value), [], 0
    if len(packed) > MAX_PACKED:
        raise IndexError(f"a list of numbers has {len(packed)} bytes")
    while at < len(packed):
        number, at = _varint(packed, at)
        numbers.append(signed(number))
    return numbers


def fields(message: Buffer, *, most: int = 1_000) -> Iterator[tuple[int, Value]]:
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
        wire = key & 7
        if wire == 2:
            length = message[at]
            length, at = (length, at + 1) if length < 128 else _varint(message, at)
        elif wire == 0:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise IndexError(f"unknown wire type {wire}")
        end = at + length
        if end > size:
            raise IndexError("a field is longer than its message")
        yield key >> 3, message[at:end] if wire == 2 else None
        at = end


def _varint(message: Buffer, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise IndexError("a number is too long")
