"""Text files and the JSON in them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..rows import BadData, BadRow

__all__ = ["bare_name", "read_json", "read_objects", "read_text"]


def bare_name(path: Path) -> str:
    """The file's name without its folder, its ending and `.gz`."""
    return Path(path.name.removesuffix(".gz")).stem


def read_text(path: Path) -> str:
    """A UTF-8 file, plain or gzipped, without its byte-order mark.

    Raises BadData when it is neither, FileNotFoundError when it is not there.
    """
    data = path.read_bytes()
    try:
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} is not a whole gzip file: {error}") from None


def read_json(path: Path) -> Iterator[tuple[str, Any]]:
    """Where each value stands, and the value: a JSON list's items, or one value a line.

    Raises BadRow for broken JSON.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        for number, item in enumerate(_parsed(text, f"{path}"), 1):
            yield f"{path} item {number}", item
        return
    # Not splitlines(): it also splits at U+2028, which JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{path}:{number}", _parsed(line, f"{path}:{number}")


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """As read_json, for files in which each value is an object. Raises BadRow for any other."""
    for where, value in read_json(path):
        if not isinstance(value, dict):
            raise BadRow(f"{where} is a {type(value).__name__}, not a JSON object")
        yield where, value


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:  # JSONDecodeError, or a number of thousands of digits
        raise BadRow(f"{where} is not JSON: {error}") from None
    except RecursionError:
        raise BadRow(f"{where} is nested too deeply") from None
