"""Reading a log: the SQLite file, JSON lines, and whatever is wrong with either."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import LearningError
from edge_router.learning.outcomes import table
from edge_router.learning.outcomes.line import outcome_json
from edge_router.learning.outcomes.outcome import Outcome
from edge_router.learning.report.reading import log_path, read_answers
from edge_router.learning.report.report import report_of
from made_answers import row as line
from made_answers import simulated
from made_log import row


def stored(folder: Path, *rows: Outcome) -> Path:
    """An SQLite log of these rows."""
    path = folder / "outcomes.sqlite3"
    with closing(table.open_for_writing(path, time.monotonic() + 5)) as connection:
        for one in rows:
            table.insert(connection, table.values_of(one), 10**6)
        connection.commit()
    return path


def lines(folder: Path, *rows: Any, end: str = "") -> Path:
    """A file of JSON lines."""
    path = folder / "log.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows) + end, encoding="utf-8")
    return path


def test_both_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    """JSON lines hold all that a report needs."""
    rows = [row(n, cost_usd=0.001 * n, reason="gain_is_worth_it") for n in range(5)]
    one = read_answers(stored(tmp_path, *rows))
    other = read_answers(lines(tmp_path, *map(outcome_json, rows)))
    assert report_of(one).to_json() == report_of(other).to_json()
    assert one.reason.tolist() == ["gain_is_worth_it"] * 5


def test_a_log_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Its rows have no reason, and all else."""
    path = stored(tmp_path, row(1), row(2))
    with closing(sqlite3.connect(path)) as connection:
        for column in ("reason", "operating_point", "shadow", "cached_tokens", "ended"):
            connection.execute(f"ALTER TABLE outcomes DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    log = read_answers(path)
    assert len(log) == 2
    assert log.reason.tolist() == ["", ""]
    assert log.ended.tolist() == ["complete", "complete"]
    assert report_of(log).reasons[0].reason == ""


def test_a_log_of_a_newer_version_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is guessed."""
    path = stored(tmp_path, row(1))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LearningError, match="upgrade edge-router"):
        read_answers(path)


def test_a_last_line_that_was_cut_off_is_left_out_and_counted(tmp_path: Path) -> None:
    """A process that was killed writes half a line."""
    log = read_answers(lines(tmp_path, line(1), line(2), end=json.dumps(line(3))[:50]))
    assert (len(log), log.unreadable) == (2, 1)
    assert "line 3" in log.fault


def test_a_prefix_of_a_logger_is_skipped(tmp_path: Path) -> None:
    """The user's own format may put a date before the line."""
    path = tmp_path / "app.log"
    path.write_text(f"2026-11-30 INFO edge_router.decisions {json.dumps(line(1))}\n")
    assert len(read_answers(path)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [], "text", 7, {}, {"estimates": {}}, line(estimates=[]), line(estimates={"local": [1]}),
        line(estimates={"local": [2, 0, 1, 1]}), line(expert="nobody"), line(propensity=0),
        line(propensity="1"), line(time=None), line(total_s=float("inf")), line(reason=[]),
        line(score="good"), line(score=7), line(cost_usd=-1), line(total_s=10**400),
        line(estimates={"local": [0.5, 10**400, 1, 1]}), line(cost_usd=float("nan")),
        line(estimates={"local": [0.5, 0, float("inf"), 1]}), line(estimates={"local": [True] * 4}),
        line(estimates={"local": ["x", 0, 1, 1]}),
    ],
)  # fmt: skip
def test_a_wrong_row_is_left_out_and_the_others_count(tmp_path: Path, wrong: Any) -> None:
    """Whatever is wrong with it."""
    log = read_answers(lines(tmp_path, line(1), wrong, line(2)))
    assert (len(log), log.unreadable) == (2, 1)
    assert log.fault


def test_a_file_without_any_row_is_refused(tmp_path: Path) -> None:
    """It is something else."""
    with pytest.raises(LearningError, match="log show --json"):
        read_answers(lines(tmp_path, {"query": "hello"}))


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """With how to name JSON lines."""
    path = tmp_path / "log.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LearningError, match=r"ends in \.jsonl"):
        read_answers(path)


def test_a_database_cut_in_half_gives_what_can_be_read(tmp_path: Path) -> None:
    """And says that there was more; or it is refused, never a traceback."""
    path = stored(tmp_path, *(row(n) for n in range(400)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        log = read_answers(path)
    except LearningError:
        return
    assert log.unreadable >= 1


def test_no_file_is_an_empty_log_and_an_empty_log_is_told(tmp_path: Path) -> None:
    """The setting that fills it is named."""
    with pytest.raises(LearningError, match="learn = true"):
        report_of(read_answers(tmp_path / "outcomes.sqlite3"))
    with pytest.raises(LearningError, match="is no file"):
        log_path(str(tmp_path / "missing.jsonl"), tmp_path)


def test_a_clock_that_jumps_is_counted(tmp_path: Path) -> None:
    """The order is that of arrival."""
    times = [1e9, 1e9 + 5, 5.0, 1e9 + 9, -1e18, 1e18]
    log = read_answers(lines(tmp_path, *(line(n, time=at) for n, at in enumerate(times))))
    assert log.times_back == 2
    assert report_of(log).times_back == 2


def test_many_rows_are_read_in_columns(tmp_path: Path) -> None:
    """A thousandth of a hundred thousand; see the report's own test for the time."""
    log = read_answers(lines(tmp_path, *simulated(1, 100, knows=1.0)))
    assert log.quality.shape == (100, 2)
    assert log.experts == ("local", "cloud")
