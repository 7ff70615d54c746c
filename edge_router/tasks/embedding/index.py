"""EmbeddingIndex: the k nearest of many embeddings, on disk, memory-mapped and growing.

Retrieval after CoE-Ops, section IV-C: contexts are encoded off-line (equation 10), a query on-line
(11), and the most similar by dot product (13) are taken. One folder holds two files: the vectors as
plain float32 rows, which are mapped and never loaded, and an SQLite file with what each row is of.
Rows count from the moment that SQLite commits them: a killed writer leaves bytes behind that the
next one overwrites.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.errors import LearningError
from edge_router.guards.bounded_file import refuse_missing, require_regular
from edge_router.guards.json_lines import json_value
from edge_router.guards.stored_json import FAULTS, table
from edge_router.routing.arrays import Float32s, Float64s

__all__ = ["EmbeddingIndex", "Nearest"]

ITEMS, VECTORS = "items.sqlite", "vectors.f32"
SCHEMA_VERSION = 1
WAIT_S = 10.0  # for another writer
MOST_ROWS = 2_000_000
LONGEST = 1.01  # of an embedding: they have length 1, up to rounding
STATEMENTS = (
    "CREATE TABLE facts (encoder TEXT NOT NULL, dim INTEGER NOT NULL)",
    "CREATE TABLE items (number INTEGER PRIMARY KEY, item TEXT NOT NULL)",
)
RANGE = "SELECT item FROM items WHERE number >= ? AND number < ? ORDER BY number"


@dataclass(frozen=True, slots=True)
class Nearest:
    """One of the nearest: its row, its similarity (the cosine, -1..1) and what it is of."""

    row: int
    similarity: float
    item: Mapping[str, Any]


class EmbeddingIndex:
    """Embeddings of length 1 with a JSON object each, in a folder. Thread-safe.

    `encoder` is the hash of the artifact that embeds, `dim` its embedding_dim: an index of another
    one is refused. What another process adds is seen by the next call. Every method raises
    LearningError for a file that is not as `add` wrote it.
    """

    def __init__(self, folder: Path, *, encoder: str, dim: int) -> None:
        self.folder = folder
        self.encoder = encoder
        self.dim = dim

    def __len__(self) -> int:
        with self._reading() as connection:
            return 0 if connection is None else self._count(connection)

    def add(self, vectors: Float32s, items: Sequence[Mapping[str, Any]]) -> int:
        """Append `vectors` (rows, dim) with their items, all or none of them; returns how many rows
        there are then. Raises LearningError for vectors that are not of length 1."""
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        if rows.shape != (len(items), self.dim) or not _are_unit(rows):
            raise LearningError(
                f"{len(items)} items need as many embeddings of {self.dim} numbers and of length 1"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        texts = [(json.dumps(dict(item)),) for item in items]
        with self._guarding():
            _create(self.folder / ITEMS)
        with self._guarding(), closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._prepare(connection)
            count = self._count(connection)
            if count + len(texts) > MOST_ROWS:
                raise LearningError(f"{self.folder} holds {MOST_ROWS:,} embeddings at most")
            self._append(rows, count)
            numbered = [(count + n, text) for n, (text,) in enumerate(texts)]
            connection.executemany("INSERT INTO items VALUES (?, ?)", numbered)
            connection.execute("COMMIT")
            return count + len(texts)

    def nearest(self, vector: Float32s, k: int) -> list[Nearest]:
        """The k rows of the largest dot product with `vector` (dim,), the best first; of equal ones
        the first."""
        with self._reading() as connection:
            count = 0 if connection is None else self._count(connection)
            if connection is None or not count or k < 1:
                return []
            similar = self._vectors(count) @ np.asarray(vector, dtype=np.float32)  # (rows,)
            if not _is_sound(similar):
                raise ValueError(f"{VECTORS} holds what is no embedding of length 1")
            rows = _largest(similar, k)
            return [
                Nearest(row, float(similar[row]), self._items(connection, row, row + 1)[0])
                for row in rows.tolist()
            ]

    def items(self) -> list[dict[str, Any]]:
        """What all rows are of, in their order."""
        with self._reading() as connection:
            return [] if connection is None else self._items(connection, 0, MOST_ROWS)

    def vectors(self) -> Float32s:
        """All embeddings (rows, dim), mapped read-only."""
        with self._reading() as connection:
            count = 0 if connection is None else self._count(connection)
            mapped = self._vectors(count) if count else np.zeros((0, self.dim), np.float32)
            if not _are_unit(mapped):
                raise ValueError(f"{VECTORS} holds what is no embedding of length 1")
            return mapped

    def _append(self, rows: Float32s, count: int) -> None:
        """Write rows after the first `count`, over what a killed writer may have left."""
        path = self.folder / VECTORS
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            require_regular(os.fstat(file.fileno()).st_mode)
            start = count * self._row_bytes
            if os.fstat(file.fileno()).st_size < start:
                raise ValueError(f"{VECTORS} is shorter than its {count} rows")
            file.truncate(start)
            file.seek(start)
            file.write(rows.tobytes())
            file.flush()
            os.fsync(file.fileno())

    @property
    def _row_bytes(self) -> int:
        return 4 * self.dim

    def _vectors(self, count: int) -> Float32s:
        path = self.folder / VECTORS
        require_regular(path.stat().st_mode)
        if path.stat().st_size < count * self._row_bytes:
            raise ValueError(f"{VECTORS} is shorter than its {count} rows")
        mapped: Float32s = np.memmap(path, dtype="<f4", mode="r", shape=(count, self.dim))
        return mapped

    def _items(self, connection: sqlite3.Connection, start: int, stop: int) -> list[dict[str, Any]]:
        rows = connection.execute(RANGE, (start, stop)).fetchall()
        return [table(json_value(text), "an item") for (text,) in rows]

    def _count(self, connection: sqlite3.Connection) -> int:
        largest = connection.execute("SELECT max(number) FROM items").fetchone()[0]
        return 0 if largest is None else int(largest) + 1

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The open file of items; None where there is no index yet."""
        path = self.folder / ITEMS
        with self._guarding():
            try:
                refuse_missing(path)
            except FileNotFoundError:
                yield None
                return
            require_regular(path.stat().st_mode)
            with closing(self._open()) as connection:
                if _version(connection) == 0:  # made by a writer that was killed before it ended
                    yield None
                    return
                self._check(connection)
                yield connection

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / ITEMS, timeout=WAIT_S, isolation_level=None)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file, or check those of an old one."""
        if _version(connection) == 0:
            for statement in STATEMENTS:
                connection.execute(statement)
            connection.execute("INSERT INTO facts VALUES (?, ?)", (self.encoder, self.dim))
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._check(connection)

    def _check(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version != SCHEMA_VERSION:
            raise ValueError(f"{ITEMS} has schema version {version}, not {SCHEMA_VERSION}")
        encoder, dim = connection.execute("SELECT encoder, dim FROM facts").fetchone()
        if (encoder, dim) != (self.encoder, self.dim):
            raise LearningError(
                f"{self.folder} was made with another router ({str(encoder)[:12]}, this one is "
                f"{self.encoder[:12]}); remove that folder, then run edge-router tasks enroll FILE "
                "with its questions"
            )

    @contextmanager
    def _guarding(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise self._damaged(error) from None
        except (sqlite3.OperationalError, OSError) as error:
            raise LearningError(f"{self.folder} cannot be used now: {error}") from None
        except (sqlite3.Error, *FAULTS) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> LearningError:
        return LearningError(
            f"{self.folder} is not as it was written ({error}); remove the folder and enrol its "
            "questions again"
        )


def _version(connection: sqlite3.Connection) -> int:
    """0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create(path: Path) -> None:
    """An empty file that only the user may read, where there is none: texts will be in it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _are_unit(vectors: Float32s) -> bool:
    """Whether every row has length 1, up to rounding."""
    squares: Float64s = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return bool((np.abs(squares - 1.0) < LONGEST**2 - 1).all())


def _is_sound(similar: Float32s) -> bool:
    return bool(np.isfinite(similar).all()) and math.fabs(float(similar.max())) <= LONGEST


def _largest(values: Float32s, k: int) -> Any:
    """Places of the k largest, the largest first, of equal ones the first."""
    if k < len(values):
        least = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero(values >= least)
    else:
        candidates = np.arange(len(values))
    return candidates[np.argsort(-values[candidates], kind="stable")][:k]
