"""GGUF files made from the bundled model: its header with other settings, its weights or zeros."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from edge_router.backends.llama_cpp.model_files import find_model

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
TEMPLATE = "tokenizer.chat_template"


def text(value: str) -> bytes:
    """A setting that is a text, as it stands after its key."""
    return struct.pack("<I", 8) + counted(value)


def number(value: int) -> bytes:
    """A setting that is a whole number."""
    return struct.pack("<II", 4, value)


def real(value: float) -> bytes:
    """A setting that is a float."""
    return struct.pack("<If", 6, value)


def counted(value: str) -> bytes:
    """A text with its length before it."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def remake(path: Path, changed: Mapping[str, bytes | None], *, weights: bool = False) -> Path:
    """The bundled model with settings changed, added, or taken out (None), at `path`.

    Without `weights` they are all 0, and the file takes no room.
    """
    data = memoryview(find_model("smollm2-135m").read_bytes())
    magic, version, tensors, pairs = struct.unpack_from("<4sIQQ", data, 0)
    settings, at = {}, 24
    for _ in range(pairs):
        start = at
        at = _skip(data, at, 8)
        key = bytes(data[start + 8 : at]).decode()
        value = at
        at = _skip(data, at + 4, struct.unpack_from("<I", data, at)[0])
        settings[key] = bytes(data[value:at])
    start = at
    for _ in range(tensors):
        at = _skip(data, at, 8)
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 4 + 8
    settings = {key: value for key, value in (settings | changed).items() if value is not None}
    head = struct.pack("<4sIQQ", magic, version, tensors, len(settings))
    head += b"".join(counted(key) + value for key, value in settings.items())
    head += bytes(data[start:at])
    head += b"\0" * (-len(head) % 32)
    body = data[-(-at // 32) * 32 :]
    with path.open("wb") as file:
        file.write(head)
        if weights:
            file.write(body)
        file.truncate(len(head) + len(body))
    return path


def _skip(data: memoryview, at: int, kind: int) -> int:
    if kind == 8:
        return at + 8 + int(struct.unpack_from("<Q", data, at)[0])
    if kind != 9:
        return at + SIZES[kind]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner != 8:
        return at + count * SIZES[inner]
    for _ in range(count):
        at = _skip(data, at, 8)
    return at
