"""Reads text and JSON files of public formats, with the place of each value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_router.guards import bounded_file
from edge_router.guards.json_lines import BadJson, json_lines, json_value

from ..rows import BadData, BadRow, require_there

__all__ = [
    "bare_name",
    "is_blank",
    "number",
    "read_bytes",
    "read_json",
    "read_objects",
    "read_text",
]


def bare_name(path: Path) -> str:
    """The file's name without its folder, its ending and `.gz`, as a text that can be stored.

    Bytes of a name that the locale cannot read (LC_ALL=C) are read as UTF-8.
    """
    return os.fsencode(Path(path.name.removesuffix(".gz")).stem).decode(errors="replace")


def read_text(path: Path) -> str:
    """A UTF-8 file, plain or gzipped, without its byte-order mark. Raises BadData, NoSuchFile."""
    require_there(path)
    return bounded_file.read_text(path, BadData)


def read_bytes(path: Path) -> bytes:
    """A file, plain or gzipped. Raises BadData, NoSuchFile."""
    require_there(path)
    return bounded_file.read_bytes(path, BadData)


def read_json(path: Path) -> Iterator[tuple[str, Any]]:
    """The place of each value, and the value: a JSON list's items, or one value a line.

    Raises BadRow for broken JSON, BadData, NoSuchFile.
    """
    require_there(path)
    if not _is_list(path):
        yield from json_lines(path, BadRow)
        return
    try:
        items = json_value(read_text(path))
    except BadJson as error:
        raise BadRow(f"{path} {error}") from None
    for number, item in enumerate(items, 1):
        yield f"{path} item {number}", item


def _is_list(path: Path) -> bool:
    """Whether the first line that is not blank begins a list."""
    lines = bounded_file.numbered_lines(path, BadData, cut=True)
    return next((line.lstrip().startswith(b"[") for _, line in lines), False)


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """As read_json, for files in which each value is an object. Raises BadRow for any other."""
    for where, value in read_json(path):
        if not isinstance(value, dict):
            raise BadRow(f"{where} is a {type(value).__name__}, not a JSON object")
        yield where, value


def is_blank(cell: object) -> bool:
    """Nothing is known: an empty CSV cell or a null."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def number(cell: object) -> float | None:
    """The cell as a number, True and "true" as 1.0; None when it is not one.

    May be infinite or NaN; a caller that needs a finite number checks that itself.
    """
    word = cell.strip().lower() if isinstance(cell, str) else cell
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return float(word) if isinstance(word, str | int | float) else None
    except (ValueError, OverflowError):
        return None
