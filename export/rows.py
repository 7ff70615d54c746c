"""Outcome rows, the one data format: JSON lines, one query a row, plain or gzipped.

Fields: source, id, qkey, split, task, lang, query, score{expert: 0..1}, and where known gold,
metric, answer{}, input_tokens{}, output_tokens{}, out_chars{}, latency_s{}.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "SPLITS",
    "BadData",
    "BadRow",
    "Row",
    "letters_of",
    "query_key",
    "read_partial_rows",
    "read_rows",
    "split_of",
    "write_rows",
]

Row = dict[str, Any]

SPLITS = ("train", "dev", "test")


class BadData(ValueError):
    """Data or a recipe that no router can be made from; says what and where."""


class BadRow(BadData):
    """A row that is not in the format; names the file, the line and the fault."""


def read_rows(path: Path, queries: Mapping[str, str] | None = None) -> Iterator[Row]:
    """The rows of a file. Raises BadRow, FileNotFoundError.

    Rows kept without their text (of a public data set that is not ours to copy) get it from
    `queries`, by their qkey.
    """
    for where, row in _lines(path):
        if "query" not in row and row.get("qkey") in (queries or {}):
            row["query"] = (queries or {})[row["qkey"]]
        yield _check(row, where)


def read_partial_rows(path: Path) -> Iterator[Row]:
    """Rows of a file that may lack their text. Raises BadRow."""
    for _, row in _lines(path):
        yield row


def _lines(path: Path) -> Iterator[tuple[str, Row]]:
    """Where each row stands, for messages, and the row."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path}:{number}"
                yield where, _parse(line, where)


def _parse(line: str, where: str) -> Row:
    try:
        row: Row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadRow(f"{where} is not JSON: {error}") from None
    return row


def _check(row: Row, where: str) -> Row:
    if missing := {"qkey", "split", "task", "query", "score"} - row.keys():
        raise BadRow(f"{where} lacks {sorted(missing)}")
    if row["split"] not in SPLITS:
        raise BadRow(f"{where} has split {row['split']!r}; use one of {SPLITS}")
    for expert, score in row["score"].items():
        if not 0 <= score <= 1:
            raise BadRow(f"{where} has score {score} for {expert!r}; scores lie in 0..1")
    return row


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows; a `.gz` file is the same bytes whenever the rows are the same."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def query_key(query: str) -> str:
    """The hash that a query's split goes by: equal up to case and white space."""
    return hashlib.sha256(" ".join(query.lower().split()).encode()).hexdigest()[:16]


def letters_of(query: str) -> str:
    """Letters and digits only, in lower case: equal for the same question in other clothes."""
    return "".join(filter(str.isalnum, query.lower()))


def split_of(key: str) -> str:
    """70 / 10 / 20 by the key's first digits."""
    share = int(key[:8], 16) / 16**8
    return "train" if share < 0.7 else "dev" if share < 0.8 else "test"
