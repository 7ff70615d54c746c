"""SQLite files of our own: opened while another writes a new one, and removed with all beside."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from threading import Timer

from edge_router.guards.sqlite_file import opened, remove


def test_a_new_file_that_another_writes_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself turns the write-ahead log on at once or not at all."""
    path = tmp_path / "some.sqlite3"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = Timer(0.05, lambda: other.execute("COMMIT"))
    done.start()
    connection = opened(path, time.monotonic() + 10, lambda _: None)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    done.join()
    other.close()


def write(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE numbers (number)")


def test_a_removed_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """Nor is a file that is not there an error."""
    connection = opened(tmp_path / "some.sqlite3", time.monotonic() + 10, write)
    assert len(list(tmp_path.iterdir())) == 3
    remove(tmp_path / "some.sqlite3")
    assert list(tmp_path.iterdir()) == []
    connection.close()
    remove(tmp_path / "some.sqlite3")


def test_a_file_that_others_may_write_is_closed_to_them(tmp_path: Path) -> None:
    """With its log beside it: others could spend the user's budget, or read it."""
    path = tmp_path / "some.sqlite3"
    held = opened(path, time.monotonic() + 10, write)
    for one in tmp_path.iterdir():
        one.chmod(0o666)
    opened(path, time.monotonic() + 10, lambda _: None).close()
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
    held.close()
