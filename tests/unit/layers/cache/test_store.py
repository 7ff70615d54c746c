"""The file of kept answers: bounded, private, shared, and never in an answer's way."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.errors import CacheUnusable
from edge_router.layers.cache.store import AnswerStore, Kept
from edge_router.settings.cache_config import CacheConfig

CONTEXT = b"c"
PARIS = Kept("cloud", "big", "Paris.")
VECTOR = np.array([0.6, 0.8], dtype=np.float32)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., AnswerStore]:
    """Makes stores of the same file."""

    def make(clock: Clock | None = None, **limits: Any) -> AnswerStore:
        path = tmp_path / "answers.sqlite3"
        return AnswerStore(path, CacheConfig(**limits), clock=clock or Clock())

    return make


def test_an_answer_is_found_by_its_key(store: Callable[..., AnswerStore]) -> None:
    """By two stores of one file, and under no other key."""
    assert store().find(b"k") is None
    assert store().keep(b"k", CONTEXT, PARIS)
    found = store().find(b"k")
    assert found is not None
    assert found.kept == PARIS
    assert store().find(b"other") is None


def test_the_file_is_for_the_user_alone(store: Callable[..., AnswerStore]) -> None:
    """And what SQLite keeps beside it."""
    kept = store()
    kept.keep(b"k", CONTEXT, PARIS)
    assert {one.stat().st_mode & 0o777 for one in kept.path.parent.iterdir()} == {0o600}


def test_a_clock_that_jumps_deletes_nothing(store: Callable[..., AnswerStore]) -> None:
    """An old answer is not given, nor one of the future; both are once the clock is right."""
    clock = Clock()
    kept = store(clock, ttl_s=60.0)
    kept.keep(b"k", CONTEXT, PARIS)
    for step, given in ((59.0, True), (61.0, False), (-3600.0, False), (1e8, False), (0.0, True)):
        clock.now = 1e9 + step
        assert (kept.find(b"k") is not None) is given
    assert kept.size()[0] == 1


def test_what_was_not_used_for_longest_goes(store: Callable[..., AnswerStore]) -> None:
    """Of too many answers; giving one again counts as a use."""
    kept = store(max_entries=2)
    for key in (b"a", b"b"):
        kept.keep(key, CONTEXT, PARIS)
    kept.given(b"a", "exact")
    kept.keep(b"c", CONTEXT, PARIS)
    assert [kept.find(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]
    assert kept.size()[2] == {"exact": 1}


def test_bytes_are_bounded(store: Callable[..., AnswerStore]) -> None:
    """An answer that is larger than all of them is not kept, and changes nothing."""
    kept = store(max_bytes=1024)
    for number in range(9):
        assert kept.keep(bytes([number]), CONTEXT, Kept("cloud", "big", "x" * 300))
    count, size, _ = kept.size()
    assert (count, size <= 1024) == (3, True)
    assert not kept.keep(b"k", CONTEXT, Kept("cloud", "big", "x" * 2000))
    assert kept.size()[0] == 3


def test_smaller_limits_hold_from_the_next_answer_on(store: Callable[..., AnswerStore]) -> None:
    """In one step, however many go."""
    many = store()
    for number in range(50):
        many.keep(bytes([number]), CONTEXT, PARIS)
    few = store(max_entries=1)
    few.keep(b"k", CONTEXT, PARIS)
    assert few.size()[0] == 1


def test_the_nearest_questions_come_first(store: Callable[..., AnswerStore]) -> None:
    """Only those of the same context, of this encoder, and near enough."""
    kept = store()
    for key, context, vector in (
        (b"far", CONTEXT, [1.0, 0.0]), (b"near", CONTEXT, [0.6, 0.8]),
        (b"elsewhere", b"d", [0.6, 0.8]), (b"of another", CONTEXT, [0.6, 0.8, 0.0]),
    ):  # fmt: skip
        question, array = key.decode(), np.array(vector, dtype=np.float32)
        kept.keep(key, context, Kept("cloud", "big", "yes", question=question, vector=array))
    near = kept.near(CONTEXT, VECTOR, least=0.5)
    assert [one.question for one in near] == ["near", "far"]
    assert near[0].cosine == pytest.approx(1, abs=1e-3)
    assert [one.key for one in kept.near(CONTEXT, VECTOR, least=0.9)] == [b"near"]


def test_a_corrupt_file_is_moved_aside(
    store: Callable[..., AnswerStore], caplog: pytest.LogCaptureFixture
) -> None:
    """The answers of that moment are lost, the next ones are kept; nothing is deleted."""
    kept = store()
    kept.path.write_bytes(b"no database at all, " * 100)
    with caplog.at_level(logging.WARNING, "edge_router"):
        assert kept.find(b"k") is None
    assert kept.keep(b"k", CONTEXT, PARIS)
    assert kept.find(b"k") is not None
    (aside,) = kept.path.parent.glob("*.corrupt-1")
    assert aside.read_bytes().startswith(b"no database")
    assert "is corrupt; it is kept as" in caplog.text


def test_a_file_that_the_settings_name_is_not_moved(tmp_path: Path) -> None:
    """It may be the user's notes."""
    notes = tmp_path / "notes.txt"
    notes.write_text("no database at all, " * 100)
    kept = AnswerStore(notes, CacheConfig(path=str(notes)))
    assert not kept.keep(b"k", CONTEXT, PARIS)
    assert kept.find(b"k") is None
    assert notes.read_text().startswith("no database")
    assert [*tmp_path.iterdir()] == [notes]


def test_a_full_disk_costs_no_answer(
    store: Callable[..., AnswerStore], caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, and what is kept can still be read."""
    kept = store()
    kept.keep(b"k", CONTEXT, PARIS)
    with kept._file.use(1.0) as (connection, _):
        connection.execute("PRAGMA max_page_count = 1")
    with caplog.at_level(logging.WARNING, "edge_router"):
        for number in range(3):
            assert not kept.keep(bytes([number]), CONTEXT, Kept("cloud", "big", "x" * 100_000))
            with kept._file.use(1.0) as (connection, _):
                connection.execute("PRAGMA max_page_count = 1")
    assert kept.find(b"k") is not None
    assert caplog.text.count("answers are not kept or given again") == 1


def test_a_folder_that_cannot_be_made_costs_no_answer(tmp_path: Path) -> None:
    """The path of the settings leads through a file."""
    (tmp_path / "file").write_text("")
    kept = AnswerStore(tmp_path / "file" / "answers.sqlite3", CacheConfig())
    assert not kept.keep(b"k", CONTEXT, PARIS)
    assert kept.find(b"k") is None


@pytest.mark.parametrize("version", [0, 7])
def test_the_file_of_something_else_is_left_alone(
    store: Callable[..., AnswerStore], version: int
) -> None:
    """Another program's, and that of a later Edge Router."""
    kept = store()
    with closing(sqlite3.connect(kept.path)) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.execute(f"PRAGMA user_version = {version}")
    assert not kept.keep(b"k", CONTEXT, PARIS)
    with pytest.raises(CacheUnusable, match=r"cannot be cleared: it is no cache of answers"):
        kept.clear()
    with pytest.raises(CacheUnusable, match=r"cannot be read"):
        kept.size()
    with closing(sqlite3.connect(kept.path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]


def test_a_file_in_use_is_no_reason_to_wait(store: Callable[..., AnswerStore]) -> None:
    """Reading goes on; the answer is not kept, and the next one is."""
    kept = store()
    kept.keep(b"k", CONTEXT, PARIS)
    with closing(sqlite3.connect(kept.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not kept.keep(b"j", CONTEXT, PARIS)
        assert kept.find(b"k") is not None
    assert kept.keep(b"j", CONTEXT, PARIS)


def test_clear_leaves_nothing_on_the_disk(store: Callable[..., AnswerStore]) -> None:
    """It says how many answers those were; a new file is begun for the next one."""
    kept = store()
    kept.keep(b"k", CONTEXT, Kept("cloud", "big", "a secret word"))
    assert kept.clear() == 1
    assert not any(b"secret" in one.read_bytes() for one in kept.path.parent.iterdir())
    assert kept.clear() == 0
    assert kept.keep(b"k", CONTEXT, PARIS)


def test_a_row_that_is_no_answer_is_skipped(store: Callable[..., AnswerStore]) -> None:
    """SQLite takes any value in any column."""
    kept = store()
    kept.keep(b"k", CONTEXT, Kept("cloud", "big", "yes", question="q", vector=VECTOR))
    for column, value in (("answer", b"7"), ("at", "soon"), ("vector", "x"), ("question", b"1")):
        with closing(sqlite3.connect(kept.path, isolation_level=None)) as other:
            other.execute(f"UPDATE answers SET {column} = ?", (value,))
        assert kept.find(b"k") is None
        kept.near(CONTEXT, VECTOR, least=0.0)
