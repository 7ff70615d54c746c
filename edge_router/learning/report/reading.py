"""Read a decision log into columns: the SQLite file of this device, or JSON lines of its rows."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_router.errors import LearningError
from edge_router.guards.bounded_file import STANDARD_INPUT, decoded, numbered_lines
from edge_router.guards.json_lines import json_value
from edge_router.guards.user_files import user_path

from ..outcomes import table
from ..outcomes.log import FILE
from .answers import FIELDS, Columns, LoggedAnswers

__all__ = ["is_lines", "log_path", "logged_lines", "read_answers", "stored_rows"]

LINES = (".jsonl", ".ndjson", ".json", ".log", ".txt", ".gz")
WAIT_S = 2.0  # for another process that writes
UNFIT = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def read_answers(path: Path) -> LoggedAnswers:
    """Every row of a log that can be read, the oldest first; the others are counted.

    JSON lines by their name (LINES) or from standard input, else the SQLite file; a file that is
    not there is an empty log. Raises LearningError for a file that is no log at all.
    """
    columns = Columns()
    rows = logged_lines(path, columns.skip) if is_lines(path) else stored_rows(path, FIELDS)
    try:
        for row in rows:
            _add(columns, row)
    except table.FAULTS as error:
        if not columns.count:
            raise _unusable(path, error) from error
        columns.skip(f"the rest of the file cannot be read: {error}")
    if columns.unreadable and not columns.count:
        raise LearningError(
            f"{path} holds no row that can be read: {columns.fault}; give the SQLite file of a "
            "device, or what edge-router log show --json prints"
        )
    return columns.finished()


def log_path(given: str | None, data_folder: Path) -> Path:
    """A log as the user names it, or that of this device. Raises LearningError for a named one
    that is not there."""
    if given is None:
        return data_folder / FILE
    path = user_path(given, what="the log", refusal=LearningError)
    if path != STANDARD_INPUT and not path.is_file():
        raise LearningError(
            f"{given!r} is no file; a log is outcomes.sqlite3 of a data folder, or what "
            "edge-router log show --json prints, in a file that ends in .jsonl"
        )
    return path


def is_lines(path: Path) -> bool:
    """Whether a file is JSON lines by its name."""
    return path == STANDARD_INPUT or path.suffix.lower() in LINES


def _add(columns: Columns, row: dict[str, Any]) -> None:
    try:
        columns.add(row)
    except UNFIT as error:
        columns.skip(f"row {row.get('id') or columns.count + columns.unreadable + 1}: {error}")


def stored_rows(path: Path, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Some columns of each row of the SQLite file, `estimates` as numbers by expert. Raises one of
    `table.FAULTS`."""
    if not os.path.lexists(path):
        return
    with table.open_for_reading(path, WAIT_S) as connection:
        version = table.version_of(connection, path)
        if version == 0:
            return
        where = names.index("estimates") if "estimates" in names else None
        for values in connection.execute(table.selection(names, version)):
            row = dict(zip(names, values, strict=True))
            if where is not None:
                row["estimates"] = _estimates(values[where])
            yield row


def _estimates(text: Any) -> Any:
    """None for what is no JSON: the row is left out then, not the file."""
    try:
        return json.loads(text)
    except UNFIT:
        return None


def logged_lines(path: Path, skip: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """The object of each line; `skip` is told of a line that holds none, such as a last one that
    was cut off. A line that another logger has prefixed is read from its first brace. Raises
    LearningError for a file that cannot be read."""
    for number, line in numbered_lines(path, LearningError):
        try:
            text = decoded(line, number=number)
            row = json_value(text[max(0, text.find("{")) :])
        except ValueError as error:
            skip(f"line {number} {error}")
            continue
        if isinstance(row, dict):
            yield row
        else:
            skip(f"line {number} is no JSON object")


def _unusable(path: Path, error: BaseException) -> LearningError:
    if isinstance(error, LearningError):
        return error
    hint = "give the SQLite file of a device, or JSON lines in a file that ends in .jsonl"
    if isinstance(error, sqlite3.OperationalError) and "lock" in str(error):
        hint = "another process uses it; try again"
    return LearningError(f"{path} cannot be read as a log: {error}; {hint}")
