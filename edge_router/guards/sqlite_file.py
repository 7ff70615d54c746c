"""SQLite files of our own: made for the user alone, written in transactions, safe across forks.

Nothing opens and closes such a file except through SQLite: closing any descriptor of it drops
every lock that this process has on it, and another process then removes what was not merged yet.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from weakref import WeakSet

from .bounded_file import require_regular
from .forking import ForkSafeLock, renew_after_fork

__all__ = [
    "BESIDE",
    "BUSY",
    "CORRUPT",
    "NO_ROOM",
    "Locked",
    "SqliteFile",
    "code_of",
    "identity",
    "opened",
    "remove",
    "set_aside",
    "transaction",
    "wait_no_longer",
]

CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
BESIDE = ("-wal", "-shm", "")  # the file itself last: without it, what lies beside is nobody's
OTHERS = stat.S_IRWXG | stat.S_IRWXO
FORK_WAIT_S = 2.0  # of a fork for a transaction that is under way

_CREATING: Final = ForkSafeLock()


def _create(path: Path) -> None:
    """An empty file that only the user may read; SQLite gives the files beside it the same mode.

    A file that is there is not opened. The lock keeps others of this process from opening the new
    one before its descriptor is closed.
    """
    with _CREATING:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            require_regular(path.stat().st_mode)
            _close_to_others(path)


def _close_to_others(path: Path) -> None:
    """Take from others what an older version, a copy or a hand gave them of a file and what lies
    beside it; that of another user stays as it is."""
    for ending in BESIDE if os.name == "posix" else ():
        one = path.with_name(path.name + ending)
        with suppress(FileNotFoundError, PermissionError):
            mode = one.stat().st_mode
            if mode & OTHERS:
                one.chmod(stat.S_IMODE(mode) & ~OTHERS)


def opened(
    path: Path, until: float, prepare: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    """The file open for writing, with a write-ahead log, made where there is none. `prepare` makes
    its tables. Waits for other processes until then, and raises sqlite3.Error, OSError, and what
    `prepare` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _create(Path(os.path.realpath(path)))
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        wait_no_longer(connection, until)
        _write_ahead(connection, until)
        # A killed process loses nothing, a power cut the last transactions at most.
        connection.execute("PRAGMA synchronous = NORMAL")
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, until: float) -> None:
    """Turn the write-ahead log on. Of several that open a new file at once only one can, and SQLite
    lets the others fail without a wait."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if code_of(error) not in BUSY or time.monotonic() >= until:
                raise
            time.sleep(0.005)
        else:
            return


def remove(path: Path) -> None:
    """Delete the file and what SQLite keeps beside it. Raises OSError."""
    for ending in BESIDE:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename the file and what SQLite keeps beside it; nothing is deleted. Raises OSError."""
    number = 1
    while (new := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    for ending in BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(new.with_name(new.name + ending))
    return new


@contextmanager
def transaction(connection: sqlite3.Connection, until: float) -> Iterator[None]:
    """All or nothing; waits until then for other writers. Raises sqlite3.Error."""
    wait_no_longer(connection, until)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def wait_no_longer(connection: sqlite3.Connection, until: float) -> None:
    """Wait for other processes until then, on the monotonic clock."""
    left_ms = max(0, int(1000 * (until - time.monotonic())))
    connection.execute(f"PRAGMA busy_timeout = {left_ms}")


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def code_of(error: Exception) -> int | None:
    """SQLite's primary result code."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


class Locked(sqlite3.OperationalError):
    """Other threads of this process, or a fork, left no time for the file."""


class SqliteFile:
    """The file at `path`, opened for the first `use` by `open_file` (path, until) and kept open.

    One thread uses it at a time. A file that was moved or deleted meanwhile is opened anew; one
    that failed is closed. No connection is open while the process forks: SQLite's locks and
    descriptors belong to one process.
    """

    def __init__(self, path: Path, open_file: Callable[[Path, float], sqlite3.Connection]) -> None:
        self.path = path
        self._open_file = open_file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._held_for_fork = False
        self._inherited = False
        renew_after_fork(self)
        with _FILES_LOCK:
            _FILES.add(self)

    @contextmanager
    def use(
        self, wait_s: float, *, failed: Callable[[Exception], None] = lambda _: None
    ) -> Iterator[tuple[sqlite3.Connection, float]]:
        """The connection for one piece of work, and the moment until which it may wait for others.

        Raises sqlite3.Error, Locked where threads left no time, OSError, and what `open_file` does.
        Over an error of the file `failed` is called first, while no other thread uses it.
        """
        until, lock = time.monotonic() + wait_s, self._lock
        if not lock.acquire(timeout=max(0.0, wait_s)):
            raise Locked("database is locked")
        try:
            if self._inherited:
                raise Locked("the process was forked while the file was in use")
            yield self._current(until), until
        except (sqlite3.Error, OSError) as error:
            self._close()
            failed(error)
            raise
        finally:
            lock.release()

    def close(self, wait_s: float) -> None:
        """Give the file back, unless a thread uses it for longer than `wait_s` seconds."""
        lock = self._lock
        if lock.acquire(timeout=wait_s):
            try:
                self._close()
            finally:
                lock.release()

    def before_fork(self) -> None:
        self._held_for_fork = self._lock.acquire(timeout=FORK_WAIT_S)
        if self._held_for_fork:
            self._close()

    def after_fork_in_parent(self) -> None:
        if self._held_for_fork:
            self._held_for_fork = False
            self._lock.release()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._held_for_fork = False
        if self._connection is not None:  # the fork came past Python, or could not wait
            _INHERITED.append(self._connection)
            self._connection = None
            self._inherited = True  # SQLite would take the parent's locks for this process's own

    def _current(self, until: float) -> sqlite3.Connection:
        if self._connection is not None and identity(self.path) != self._identity:
            self._close()
        if self._connection is None:
            self._connection = self._open_file(self.path, until)
            self._identity = identity(self.path)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


_FILES: WeakSet[SqliteFile] = WeakSet()
_FILES_LOCK = ForkSafeLock()
_INHERITED: list[sqlite3.Connection] = []  # a parent's: closing one here would harm the parent's


def _before_fork() -> None:
    with _FILES_LOCK:
        files = list(_FILES)
    for one in files:
        one.before_fork()


def _after_fork_in_parent() -> None:
    for one in list(_FILES):
        one.after_fork_in_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
