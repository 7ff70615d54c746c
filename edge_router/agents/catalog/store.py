"""The SQLite file that a catalogue of agents is kept in, with the embeddings of their texts.

Opened by each process for itself; a change by another process is seen at the next `changed`, and so
is another file in its place.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np

from edge_router.errors import CatalogError, InvalidAgent
from edge_router.guards.json_lines import json_value
from edge_router.routing.arrays import Float32s

from .agent import Agent

__all__ = ["AgentStore"]

WAIT_S = 2.0  # for other processes that write
SCHEMA_VERSION = 1
CREATE = """
CREATE TABLE IF NOT EXISTS agents (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS embeddings (
    encoder TEXT, text TEXT, vector BLOB NOT NULL, PRIMARY KEY (encoder, text)
) STRICT, WITHOUT ROWID;
"""
ASKED_AT_ONCE = 500  # values in one statement


class AgentStore:
    """The file at `path`, made on first use, readable by its owner only. Not thread-safe.

    Every method raises CatalogError for a file that is none of ours, corrupt, or in use too long.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._file = (0, 0)  # device and inode of the open file
        self._seen = -1

    def agents(self) -> list[Agent]:
        """All agents in the order in which they were added."""
        with self._using() as connection:
            self._seen = _data_version(connection)  # first: what is written later is read again
            rows = connection.execute("SELECT name, content FROM agents ORDER BY rowid").fetchall()
        try:
            return [Agent.from_json(json_value(content)) for _, content in rows]
        except (InvalidAgent, ValueError) as error:
            raise self._unusable(f"an agent in it is damaged: {error}") from None

    def changed(self) -> bool:
        """Whether another process wrote to the file since `agents` was called."""
        with self._using() as connection:
            return _data_version(connection) != self._seen

    def write(self, agents: Iterable[Agent], *, removed: Iterable[str] = ()) -> None:
        """Keep `agents`, in place of those of the same names, and forget the `removed` ones."""
        with self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM agents WHERE name = ?", [(one,) for one in removed])
            connection.executemany(
                "INSERT INTO agents VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET content = excluded.content",
                [(one.name, json.dumps(one.to_json())) for one in agents],
            )
            connection.execute("COMMIT")

    def vectors(self, encoder: str, texts: Sequence[str], dim: int) -> dict[str, Float32s]:
        """The kept embeddings, each (dim,), of those of `texts` that have one."""
        keys = {_key(text): text for text in texts}
        kept: dict[str, Float32s] = {}
        with self._using() as connection:
            for few in _batches(list(keys)):
                marks = ", ".join("?" * len(few))
                rows = connection.execute(
                    f"SELECT text, vector FROM embeddings WHERE encoder = ? AND text IN ({marks})",  # noqa: S608 - marks only
                    [encoder, *few],
                )
                for key, content in rows:
                    vector = np.frombuffer(content, dtype="<f4") if len(content) % 4 == 0 else None
                    if vector is not None and vector.shape == (dim,) and np.isfinite(vector).all():
                        kept[keys[key]] = vector.astype(np.float32)  # else it is made anew
        return kept

    def keep_vectors(self, encoder: str, vectors: Mapping[str, Float32s]) -> None:
        """Keep embeddings by text, and forget those of other encoders."""
        rows = [(encoder, _key(text), one.astype("<f4").tobytes()) for text, one in vectors.items()]
        with self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM embeddings WHERE encoder != ?", [encoder])
            connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            connection.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open()
            try:
                yield connection
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                raise CatalogError(
                    f"the agents in {self.path} are being written by another process; try again"
                ) from None
            raise self._unusable(str(error)) from None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._process == os.getpid():
            if self._is_in_place():
                return self._connection
            self._connection.close()
            self._connection = None  # another file may get the number of the old one
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version != SCHEMA_VERSION and (version or tables):
                raise sqlite3.DatabaseError("it is not a catalogue of agents of this version")
            if not version:
                connection.executescript(CREATE)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        self._file, self._seen = _identity(self.path), -1
        return connection

    def _is_in_place(self) -> bool:
        """Whether the open file is the one at the path: nobody deleted or replaced it."""
        try:
            return _identity(self.path) == self._file
        except FileNotFoundError:
            return False

    def _unusable(self, why: str) -> CatalogError:
        return CatalogError(
            f"the agents in {self.path} cannot be used: {why}; move the file away to begin anew"
        )


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), ASKED_AT_ONCE):
        yield values[start : start + ASKED_AT_ONCE]
