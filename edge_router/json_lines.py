"""Files of JSON lines, plain or gzipped."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import EdgeRouterError

__all__ = ["json_lines"]


def json_lines(path: Path, refusal: type[EdgeRouterError]) -> Iterator[tuple[str, Any]]:
    """Where each line that is not blank stands, for messages, and its value.

    Raises `refusal` where the file cannot be read, or a line is not JSON.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    where = f"{path}:{number}"
                    yield where, _value(line, where, refusal)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error
        raise refusal(f"{path} cannot be read: {told}") from None


def _value(line: str, where: str, refusal: type[EdgeRouterError]) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise refusal(f"{where} is not JSON: {error}") from None
