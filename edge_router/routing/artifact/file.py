"""A file of an artifact that anybody may have made: a regular one, bounded, read once, strict JSON.

What is read is what is used: a file may be another one by the time it is opened again.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from edge_router.errors import ArtifactCorrupt

__all__ = ["read_json", "read_regular"]

MAX_CONTAINERS = 50_000  # lists and objects in a JSON file: each takes 50 times its two bytes
NOT_BLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
PLAIN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes, itself or behind links.

    Raises ArtifactCorrupt for anything else: a device, a pipe or a socket is never read, and a file
    that grows meanwhile is not read on.
    """
    try:
        _require_regular(path, os.stat(path).st_mode)  # noqa: PTH116  # opening may do something
        with open(os.open(path, PLAIN | NOT_BLOCKING), "rb", buffering=0) as file:  # noqa: PTH123
            status = os.fstat(file.fileno())
            _require_regular(path, status.st_mode)
            if status.st_size > limit:
                raise ArtifactCorrupt(f"{path} has {status.st_size} bytes, more than {limit}")
            return _read_to_the_end(file, path, status.st_size)
    except OSError as error:
        raise ArtifactCorrupt(f"{path} cannot be read: {error.strerror}") from None


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ArtifactCorrupt(f"{path} is not a regular file")


def _read_to_the_end(file: Any, path: Path, size: int) -> bytes:
    content: bytes = file.read(size + 1)
    while len(content) < size and (more := file.read(size + 1 - len(content))):
        content += more
    if len(content) != size:
        raise ArtifactCorrupt(f"{path} changed while it was read")
    return content


def read_json(content: bytes, where: str, *, long_objects: bool = False) -> dict[str, Any]:
    """One JSON object in UTF-8, no name twice, no NaN. Raises ArtifactCorrupt.

    With `long_objects` a name that stands twice is not looked for; its last value counts.
    """
    if content.count(b"{") + content.count(b"[") > MAX_CONTAINERS:
        raise ArtifactCorrupt(f"{where} holds more than {MAX_CONTAINERS} lists and objects")
    pairs: Any = {} if long_objects else {"object_pairs_hook": _object}
    try:
        parsed = json.loads(content.decode("utf-8"), parse_constant=_no_number, **pairs)
        if b"\\ud" in content.lower():  # half a character, perhaps
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ArtifactCorrupt(f"{where} nests lists or objects too deep") from None
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise ArtifactCorrupt(f"{where} cannot be read as JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ArtifactCorrupt(f"{where} holds a {type(parsed).__name__}, not an object")
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise ValueError(f"the name {twice[:80]!r} stands twice in one object")
    return members


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
