"""Outcome rows of a user's own: JSON lines, one query a row, plain or gzipped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import OutcomesUnusable

__all__ = ["Row", "read_outcome_rows"]

Row = Mapping[str, Any]


def read_outcome_rows(path: Path) -> Iterator[Row]:
    """Rows with `query` or `messages` and `score{expert: 0..1}`; a score of null is left out.

    Raises OutcomesUnusable, with file and line, also for a file without rows.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    empty = True
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    empty = False
                    yield _parse(line, f"{path}:{number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise OutcomesUnusable(f"{path} cannot be read: {error}") from None
    if empty:
        raise OutcomesUnusable(f"{path} is empty; a row is a query with the scores of both experts")


def _parse(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise OutcomesUnusable(f"{where} is not JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("score"), dict):
        raise OutcomesUnusable(f'{where} lacks "score", an object of scores by expert')
    if "query" not in row and "messages" not in row:
        raise OutcomesUnusable(f'{where} lacks "query" (or "messages")')
    row["score"] = {name: score for name, score in row["score"].items() if score is not None}
    for name, score in row["score"].items():
        number = isinstance(score, (int, float)) and not isinstance(score, bool)
        if not number or not 0 <= score <= 1:
            raise OutcomesUnusable(f"{where} has the score {score!r} for {name!r}; use 0..1")
    return row
