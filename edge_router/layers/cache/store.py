"""The file of kept answers: SQLite, bounded, for the user alone, shared by processes.

Its failures never fail an answer. What goes first is what was not used for longest, counted in
uses: the clock decides only whether an answer is still given, and one that jumps deletes nothing.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_router.errors import CacheUnusable
from edge_router.guards.sqlite_file import (
    BUSY,
    CORRUPT,
    Locked,
    SqliteFile,
    code_of,
    identity,
    opened,
    remove,
    set_aside,
    transaction,
    wait_no_longer,
)
from edge_router.routing.arrays import Float32s
from edge_router.settings.cache_config import CacheConfig

__all__ = ["AnswerStore", "Kept", "Reworded", "Stored"]

log = logging.getLogger("edge_router")
T = TypeVar("T")

SCHEMA_VERSION = 1
OURS = 0x45524341  # "ERCA", SQLite's application id of these files
WAIT_S = 0.2  # for other threads and processes, both together
ASKED_WAIT_S = 2.0  # the same where a user asked for it
SET_BACK_S = 5.0  # how far an answer may lie in the future: clocks of one machine differ less
MOST_COMPARED = 2_000  # questions of one context, those used last
FAULTS = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError)
TABLE = (
    "CREATE TABLE answers (key BLOB PRIMARY KEY, context BLOB, at REAL, used INTEGER, expert TEXT, "
    "model TEXT, answer TEXT, thoughts TEXT, question TEXT, vector BLOB, bytes INTEGER) "
    "WITHOUT ROWID"
)
INDEXES = (
    "CREATE INDEX by_context ON answers (context, used)",
    "CREATE INDEX by_use ON answers (used, bytes)",
)
HITS = "CREATE TABLE hits (kind TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID"
NEXT = "(SELECT COALESCE(MAX(used), 0) + 1 FROM answers)"
INSERT = f"INSERT OR REPLACE INTO answers VALUES (?, ?, ?, {NEXT}, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
TOUCH = f"UPDATE answers SET used = {NEXT} WHERE key = ?"  # noqa: S608
COUNT = (
    "INSERT INTO hits VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET "
    "number = min(number + 1, 1 << 53)"
)
COLUMNS = "key, at, expert, model, answer, thoughts, question"
SIZE = "SELECT count(*), COALESCE(SUM(bytes), 0) FROM answers"
NEAR = (
    "SELECT key, question, vector, at FROM answers WHERE context = ? AND vector IS NOT NULL "
    "ORDER BY used DESC LIMIT ?"
)
BEYOND_ENTRIES = (
    "DELETE FROM answers WHERE used <= "
    "(SELECT used FROM answers ORDER BY used DESC LIMIT 1 OFFSET ?)"
)
BEYOND_BYTES = (
    "DELETE FROM answers WHERE used <= (SELECT MAX(used) FROM (SELECT used, SUM(bytes) OVER "
    "(ORDER BY used DESC) AS total FROM answers) WHERE total > ?)"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer to keep: who wrote it with which model, and what it thought before. `question` and
    its `vector` (embedding_dim,) only where it may be matched in other words."""

    expert: str
    model: str
    answer: str
    thoughts: str = ""
    question: str | None = None
    vector: Float32s | None = None

    @property
    def bytes(self) -> int:
        texts = (self.expert, self.model, self.answer, self.thoughts, self.question or "")
        size = 0 if self.vector is None else 2 * len(self.vector)
        return size + sum(len(one.encode(errors="replace")) for one in texts)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer of the file, under its `key`; it is `age_s` seconds old."""

    key: bytes
    age_s: float
    kept: Kept


@dataclass(frozen=True, slots=True)
class Reworded:
    """A question of the same context, under its `key`, and the cosine to the one asked now."""

    key: bytes
    question: str
    cosine: float


class AnswerStore:
    """The answers in the file at `path`, made for the first one. Thread-safe, and safe between
    processes.

    `find`, `near` and `keep` never raise over the file: an answer is not found, or not kept, and a
    warning says so once. A corrupt file is moved aside and a new one begun, unless the settings
    name it. `size` and `clear`,
    which a user asks for, raise CacheUnusable. `clock` gives seconds since 1970 and may jump: an
    answer from the future is not given until the clock has come there.
    """

    def __init__(
        self, path: Path, limits: CacheConfig, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._limits = limits
        self._clock = clock
        self._file = SqliteFile(path, _open)
        self._warned = False

    def find(self, key: bytes) -> Stored | None:
        """The answer under a key, unless it is too old."""
        query = f"SELECT {COLUMNS} FROM answers WHERE key = ?"  # noqa: S608
        row = self._read(lambda connection: connection.execute(query, (key,)).fetchone())
        return None if row is None else self._fresh(row)

    def near(self, context: bytes, vector: Float32s, *, least: float) -> Sequence[Reworded]:
        """The questions of a context with a cosine of `least` at least, the nearest first."""
        rows = self._read(lambda c: c.execute(NEAR, (context, MOST_COMPARED)).fetchall()) or ()
        fitting = [one for one in rows if self._is_fresh(one[3]) and _fits(one, len(vector))]
        if not fitting:
            return ()
        stored = np.stack([np.frombuffer(one[2], dtype="<f2") for one in fitting])
        cosines = stored.astype(np.float32) @ vector
        order = [place for place in np.argsort(-cosines) if cosines[place] >= least]
        return [Reworded(fitting[p][0], fitting[p][1], float(cosines[p])) for p in order]

    def given(self, key: bytes, kind: str) -> None:
        """Note that an answer was given again."""

        def note(connection: sqlite3.Connection) -> bool:
            connection.execute(TOUCH, (key,))
            connection.execute(COUNT, (kind,))
            return True

        self._write(note)

    def keep(self, key: bytes, context: bytes, kept: Kept) -> bool:
        """Keep an answer, in place of an older one to the same; False where it was not kept."""
        if kept.bytes > self._limits.max_bytes:
            return False
        vector = None if kept.vector is None else kept.vector.astype("<f2").tobytes()
        row = (key, context, self._clock(), kept.expert, kept.model, kept.answer, kept.thoughts,
               kept.question, vector, kept.bytes)  # fmt: skip

        def insert(connection: sqlite3.Connection) -> bool:
            connection.execute(INSERT, row)
            connection.execute(BEYOND_ENTRIES, (self._limits.max_entries,))
            connection.execute(BEYOND_BYTES, (self._limits.max_bytes,))
            return True

        return bool(self._write(insert))

    def size(self) -> tuple[int, int, dict[str, int]]:
        """How many answers there are, the bytes of their texts, and the hits by kind."""
        if identity(self.path) is None:
            return 0, 0, {}
        with self._asked("read") as (connection, until):
            wait_no_longer(connection, until)
            count, size = connection.execute(SIZE).fetchone()
            hits = connection.execute("SELECT kind, number FROM hits ORDER BY kind").fetchall()
            return count, size, dict(hits)

    def clear(self) -> int:
        """Forget all answers, on the disk too; how many those were."""
        if identity(self.path) is None:
            return 0
        with self._asked("cleared") as (connection, until):
            with transaction(connection, until):
                (count, _) = connection.execute(SIZE).fetchone()
                connection.execute("DELETE FROM answers")
                connection.execute("DELETE FROM hits")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.close(ASKED_WAIT_S)
        with suppress(OSError):
            remove(self.path)
        return int(count)

    def close(self) -> None:
        """Give the file back."""
        self._file.close(WAIT_S)

    def _fresh(self, row: tuple[bytes, float, str, str, str, str, str | None]) -> Stored | None:
        key, at, expert, model, answer, thoughts, question = row
        if not self._is_fresh(at):
            return None
        if not all(isinstance(one, str) for one in (expert, model, answer, thoughts)):
            return None  # SQLite takes any value in any column
        kept = Kept(expert, model, answer, thoughts, question)
        return Stored(key, max(0.0, self._clock() - at), kept)

    def _is_fresh(self, at: float) -> bool:
        if not isinstance(at, float):
            return False
        return -SET_BACK_S <= self._clock() - at <= self._limits.ttl_s

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The work's result; None where there is no file, or it cannot be used."""
        if identity(self.path) is None:
            return None
        try:
            with self._file.use(WAIT_S, failed=self._recover) as (connection, until):
                wait_no_longer(connection, until)
                return work(connection)
        except FAULTS as error:
            self._warn(error)
            return None

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        try:
            with (
                self._file.use(WAIT_S, failed=self._recover) as (connection, until),
                transaction(connection, until),
            ):
                return work(connection)
        except FAULTS as error:
            self._warn(error)
            return None

    def _recover(self, error: Exception) -> None:
        """Move a corrupt file aside, unless the user named it: then it may be something else."""
        if code_of(error) in CORRUPT and self._limits.path is None:
            with suppress(OSError):
                log.warning("%s is corrupt; it is kept as %s", self.path, set_aside(self.path))

    def _warn(self, error: Exception) -> None:
        """Say once why nothing is kept; others that write are no reason to."""
        moved = code_of(error) in CORRUPT and self._limits.path is None
        busy = code_of(error) in BUSY or isinstance(error, Locked)
        if busy or moved or self._warned:
            return
        self._warned = True
        log.warning("answers are not kept or given again: %s: %s", self.path, error)

    @contextmanager
    def _asked(self, what: str) -> Iterator[tuple[sqlite3.Connection, float]]:
        try:
            with self._file.use(ASKED_WAIT_S) as opened_file:
                yield opened_file
        except FAULTS as error:
            if code_of(error) in BUSY or isinstance(error, Locked):
                words = "is in use by another process; try again"
            else:
                words = f"cannot be {what}: {error}; delete it to begin a new one"
            raise CacheUnusable(f"{self.path} {words}") from error


def _fits(row: tuple[bytes, str, bytes, float], dim: int) -> bool:
    """Whether a row has a question and a vector of this length."""
    return isinstance(row[1], str) and isinstance(row[2], bytes) and len(row[2]) == 2 * dim


def _open(path: Path, until: float) -> sqlite3.Connection:
    return opened(path, until, lambda connection: _prepare(connection, until))


def _prepare(connection: sqlite3.Connection, until: float) -> None:
    connection.execute("PRAGMA secure_delete = ON")  # answers that went stay in no free page
    if _version_of(connection) == SCHEMA_VERSION:
        return
    with transaction(connection, until):
        if _version_of(connection) == 0:  # another process may have been faster
            for statement in (TABLE, *INDEXES, HITS):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {OURS}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version_of(connection: sqlite3.Connection) -> int:
    """0 for a new file. Raises ValueError for a file of something else, and of later times."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and owner != OURS:
        raise ValueError("it is no cache of answers")
    if not 0 <= version <= SCHEMA_VERSION:
        raise ValueError(
            f"it has schema version {version}, this Edge Router writes {SCHEMA_VERSION}; upgrade it"
        )
    return int(version)
