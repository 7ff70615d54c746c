"""Keeps outcome rows on disk by question, so that a large table is joined in little memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import groupby
from operator import itemgetter

from edge_router.learning.outcomes.rows import Row

from ..data.rows import BadData

__all__ = ["Name", "RowStore", "row_name", "row_store"]

Name = tuple[str, str]
"""Source and id of a question."""

OTHERS = 1 << 40  # more than there are places


def row_name(row: Row) -> Name:
    """Source and id of the question that a row is of."""
    return row["source"], str(row["id"])


class RowStore:
    """Rows by the place of their question; those of other questions stand before all places.

    In a temporary database of SQLite, a file that the system removes. Not thread-safe.
    """

    def __init__(self, database: sqlite3.Connection, places: Mapping[Name, int]) -> None:
        self._database = database
        self._places = places
        self._others: dict[Name, int] = {}
        self._count = 0

    def add(self, row: Row) -> None:
        """Keep one more row; a question may have several."""
        name = row_name(row)
        place = self._places.get(name)
        if place is None:
            place = self._others.setdefault(name, len(self._others)) - OTHERS
        self._count += 1
        values = place, self._count, json.dumps(row)
        self._database.execute("INSERT INTO kept VALUES (?, ?, ?)", values)

    def joined(self) -> Iterator[Row]:
        """One row for each question, in the order of places; a later row wins over an earlier one
        for the same expert."""
        kept = self._database.execute("SELECT place, line FROM kept ORDER BY place, number")
        for _, lines in groupby(kept, key=itemgetter(0)):
            yield _joined(json.loads(line) for _, line in lines)


@contextmanager
def row_store(places: Mapping[Name, int]) -> Iterator[RowStore]:
    """An empty store; `places` of questions are from 0. Raises BadData where its disk is full."""
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute(
                "CREATE TABLE kept (place INTEGER, number INTEGER, line TEXT, "
                "PRIMARY KEY (place, number)) WITHOUT ROWID"
            )
            yield RowStore(database, places)
    except sqlite3.OperationalError as error:
        raise BadData(
            f"rows cannot be joined in the folder for temporary files: {error}; make room, or name "
            "another folder in SQLITE_TMPDIR, and run again: answers in the journal are kept"
        ) from error


def _joined(rows: Iterable[Row]) -> Row:
    whole: Row = {}
    for row in rows:
        for field, value in row.items():
            if isinstance(value, Mapping):
                whole[field] = {**whole.get(field, {}), **value}
            else:
                whole.setdefault(field, value)
    scored = whole["score"]  # failures that were mended are none
    failed = {name: why for name, why in whole.pop("failed", {}).items() if name not in scored}
    return whole | ({"failed": failed} if failed else {})
