"""The log of outcomes: bounded, private, safe, and never in the way of an answer."""

from __future__ import annotations

import logging
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from made_outcomes import answered, numbered, router

from edge_router import AnswerRecord
from edge_router.errors import LearningError
from edge_router.learning.outcomes import log as log_file
from edge_router.learning.outcomes.log import FILE, OutcomeLog


@pytest.fixture(scope="module")
def record() -> AnswerRecord:
    """The same for all tests here."""
    return answered()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[OutcomeLog]:
    """Of five rows at most."""
    found = OutcomeLog(tmp_path / "data" / FILE, max_rows=5)
    yield found
    found.close()


def test_what_is_kept_is_read_again(log: OutcomeLog, record: AnswerRecord) -> None:
    """The vector in half precision, everything else as it was; no prompt."""
    assert log.append(record)
    (found,) = log.rows()
    assert record.decision.grounds is not None
    assert record.decision.grounds.query is not None
    query = record.decision.grounds.query
    assert np.allclose(found.vector, query.representation.vector, rtol=1e-3, atol=1e-6)
    assert found.estimates == record.decision.estimates
    assert (found.id, found.expert, found.answered_by, found.rival) == (
        "id-0",
        "local",
        "local",
        None,
    )
    assert (found.characters, found.script, found.prompt, found.score) == (9, "latin", None, None)
    assert (found.input_tokens, found.output_tokens, found.propensity) == (3, 4, 1.0)
    assert found.artifact == query.artifact


def test_a_score_finds_its_answer(log: OutcomeLog, record: AnswerRecord) -> None:
    """And only that; the last word counts."""
    log.append(record)
    log.append(numbered(record, 1))
    assert log.score("id-1", 0.25)
    assert log.score("id-1", 0.5)
    assert not log.score("id-9", 1.0)
    assert [outcome.score for outcome in log.rows()] == [None, 0.5]


def test_the_oldest_go(log: OutcomeLog, record: AnswerRecord) -> None:
    """So that the file is bounded."""
    for number in range(12):
        log.append(numbered(record, number))
    assert [outcome.id for outcome in log.rows()] == [f"id-{n}" for n in range(7, 12)]


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path, record: AnswerRecord) -> None:
    """Rows are listed and dropped in the order of their arrival."""
    times = iter([1e9, 2e9, 5.0, -3.0])
    log = OutcomeLog(tmp_path / FILE, max_rows=3, clock=lambda: next(times))
    for number in range(4):
        log.append(numbered(record, number))
    assert [(outcome.id, outcome.time) for outcome in log.rows()] == [
        ("id-1", 2e9), ("id-2", 5.0), ("id-3", -3.0),
    ]  # fmt: skip
    log.close()


def test_only_the_user_may_read_it(log: OutcomeLog, record: AnswerRecord) -> None:
    """Neither the file nor what SQLite keeps beside it."""
    log.append(record)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in log.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert FILE in modes


def test_clearing_leaves_no_trace(log: OutcomeLog, record: AnswerRecord) -> None:
    """Not in a free page of the file either; reading an absent log makes none."""
    assert (log.rows(), log.clear(), log.path.exists()) == ([], 0, False)
    log.append(record, prompt="a very secret question")
    log.close()
    assert b"very secret" in log.path.read_bytes()
    assert log.clear() == 1
    assert log.rows() == []
    assert all(b"very secret" not in path.read_bytes() for path in log.path.parent.iterdir())


def test_eight_threads_lose_nothing(
    tmp_path: Path, record: AnswerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends and scores at once; on a shared machine one may wait for more than WAIT_S."""
    monkeypatch.setattr(log_file, "WAIT_S", 20.0)
    log = OutcomeLog(tmp_path / FILE)

    def work(number: int) -> bool:
        return log.append(numbered(record, number)) and log.score(f"id-{number}", number / 160)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(160)))
    assert {outcome.id: outcome.score for outcome in log.rows()} == {
        f"id-{number}": number / 160 for number in range(160)
    }
    log.close()


def test_a_corrupt_file_is_moved_aside_and_a_new_one_begun(
    log: OutcomeLog, record: AnswerRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is deleted, and it is said once."""
    log.path.parent.mkdir()
    log.path.write_bytes(b"this is no database " * 500)
    with pytest.raises(LearningError, match="not a database"):
        log.rows()
    with caplog.at_level(logging.WARNING, "edge_router"):
        assert log.append(record)
        assert log.append(numbered(record, 1))
    assert [line.getMessage().split(" ", 1)[1][:10] for line in caplog.records] == ["is corrupt"]
    (aside,) = log.path.parent.glob("*.corrupt-1")
    assert aside.read_bytes().startswith(b"this is no database")
    assert len(log.rows()) == 2


def test_a_file_that_breaks_in_use_is_moved_aside_too(
    log: OutcomeLog, record: AnswerRecord
) -> None:
    """Pages overwritten after it was opened."""
    log.append(record)
    log.close()
    content = bytearray(log.path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    log.path.write_bytes(content)
    assert log.append(numbered(record, 1))
    assert [outcome.id for outcome in log.rows()] == ["id-1"]
    assert len(list(log.path.parent.glob("*.corrupt-1"))) == 1


def test_a_file_of_a_newer_version_is_left_alone(
    log: OutcomeLog, record: AnswerRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Learning stops, with the fix."""
    log.append(record)
    log.close()
    with sqlite3.connect(log.path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with caplog.at_level(logging.WARNING, "edge_router"):
        assert not log.append(numbered(record, 1))
        assert not log.append(numbered(record, 2))
    (line,) = caplog.records
    assert "schema version 7" in line.getMessage()
    with pytest.raises(LearningError, match="upgrade"):
        log.rows()


def test_a_folder_that_cannot_be_written_stops_learning_not_answering(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning; feedback says that it was not kept."""
    (tmp_path / "file").write_text("in the way")
    with router(tmp_path / "file" / "data") as learning, caplog.at_level(logging.WARNING):
        for _ in range(3):
            answer = learning.complete("Hi!")
            assert answer.text == "A fake answer."
        assert not learning.feedback(answer.record.id, 1.0)
    told = [line.getMessage() for line in caplog.records]
    assert len([message for message in told if "nothing is learned" in message]) == 1


def test_nothing_is_written_unless_asked(tmp_path: Path) -> None:
    """Learning is off by default, and feedback says that it was not kept."""
    with router(tmp_path / "new", learn=False) as silent:
        answer = silent.complete("Hi!")
        assert not silent.feedback(answer.record.id, 1.0)
    assert not (tmp_path / "new").exists()


def test_prompts_are_kept_only_when_allowed(tmp_path: Path) -> None:
    """As the router read them."""
    for allowed in (False, True):
        with router(tmp_path, learn_prompts=allowed) as learning:
            learning.complete("What is love?")
    assert [outcome.prompt for outcome in OutcomeLog(tmp_path / FILE).rows()] == [
        None, "What is love?",
    ]  # fmt: skip


def test_a_score_beyond_its_range_is_refused(tmp_path: Path) -> None:
    """With the range."""
    with router(tmp_path) as learning, pytest.raises(LearningError, match="from 0"):
        learning.feedback("x", float("nan"))


def test_rows_of_a_batch_are_written_at_once(tmp_path: Path, record: AnswerRecord) -> None:
    """With the last of them, with a score, and at the end; nothing is lost in order."""
    log = OutcomeLog(tmp_path / FILE, batch=3)
    records = [numbered(record, number) for number in range(6)]
    assert [log.append(one) for one in records[:2]] == [False, False]
    assert not (tmp_path / FILE).exists()
    assert log.append(records[2])
    assert [one.id for one in log.rows()] == [f"id-{at}" for at in range(3)]
    log.append(records[3])
    assert log.score("id-3", 1.0)
    assert [one.score for one in log.rows()] == [None, None, None, 1.0]
    log.append(records[4])
    log.close()
    assert [one.id for one in log.rows()] == [f"id-{at}" for at in range(5)]
