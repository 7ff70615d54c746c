"""The outcome log beside other processes, threads and forks, and on disks that take nothing."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from forks import warnings_of_forks
from made_outcomes import answered, numbered, router

from command_line import run
from edge_router import AnswerRecord
from edge_router.errors import LearningError
from edge_router.learning.outcomes import log as outcome_log
from edge_router.learning.outcomes.log import FILE, MOST_WAITING, OutcomeLog
from edge_router.learning.outcomes.table import ADDED, SCHEMA_VERSION

READ = "SELECT count(*) FROM outcomes"


@pytest.fixture(scope="module")
def record() -> AnswerRecord:
    """One answer of the local expert."""
    return answered()


def ids(path: Path) -> list[str]:
    return [outcome.id for outcome in OutcomeLog(path).rows()]


def ids_seen_by_another_process(path: Path) -> list[str]:
    """The ids another process sees, which closes the file as its last user would."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "print(*[i for i, in c.execute('SELECT id FROM outcomes ORDER BY number')]); c.close()"
    )
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """As by another process that is writing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_another_process_that_opens_and_closes_it_costs_no_row(
    tmp_path: Path, record: AnswerRecord
) -> None:
    """Whatever else this process does with the file: its locks stay, so its rows do."""
    log = OutcomeLog(tmp_path / FILE)
    assert log.append(numbered(record, 0))
    second = OutcomeLog(tmp_path / FILE)
    for number in range(1, 13, 3):
        log.rows()
        assert second.append(numbered(record, number))
        second.close()
        assert len(ids_seen_by_another_process(tmp_path / FILE)) == number + 1
        assert log.append(numbered(record, number + 1))
        assert log.score(f"id-{number + 1}", 1.0)
        assert log.append(numbered(record, number + 2))
    assert ids_seen_by_another_process(tmp_path / FILE) == [f"id-{n}" for n in range(13)]
    log.close()


def test_nobody_waits_for_a_locked_file(tmp_path: Path, record: AnswerRecord) -> None:
    """32 threads at once wait a moment, all together; what was not kept is not called so, and
    what had no time goes into the file with the next one."""
    log = OutcomeLog(tmp_path / FILE)
    assert log.append(numbered(record, 0))

    def append(number: int) -> tuple[bool, float]:
        start = time.monotonic()
        return log.append(numbered(record, number)), time.monotonic() - start

    with locked(tmp_path / FILE), ThreadPoolExecutor(32) as pool:
        actual = list(pool.map(append, range(1, 33)))
        assert not log.score("id-0", 1.0)
    assert not any(kept for kept, _ in actual)
    assert max(seconds for _, seconds in actual) < 2
    assert log.append(numbered(record, 33))
    assert sorted(ids(log.path), key=lambda actual: int(actual[3:])) == [
        f"id-{n}" for n in range(34)
    ]
    log.close()


def test_what_waits_is_bounded_and_written_at_the_end(
    tmp_path: Path, record: AnswerRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """If there is time; else it is said how many were lost."""
    log = OutcomeLog(tmp_path / FILE)
    log.append(numbered(record, 0))
    with locked(tmp_path / FILE):
        assert not log.append(numbered(record, 1))
    log.close()
    assert ids(log.path) == ["id-0", "id-1"]
    with locked(tmp_path / FILE):
        log._waiting.extend([[]] * MOST_WAITING)
        assert not log.append(numbered(record, 2))
        assert len(log._waiting) == MOST_WAITING
        log.close()
    assert f"{MOST_WAITING} answers were not kept" in caplog.text


def test_a_row_that_no_file_can_hold_costs_only_itself(
    tmp_path: Path, record: AnswerRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a surrogate, the same id twice."""
    log = OutcomeLog(tmp_path / FILE)
    assert not log.append(record, prompt="half \ud800")
    assert log.append(record)
    assert not log.append(record)
    assert not log.stopped
    assert ids(log.path) == ["id-0"]
    assert not caplog.records
    log.close()


def test_a_file_that_another_process_replaced_is_begun_anew(
    tmp_path: Path, record: AnswerRecord
) -> None:
    """Nothing is written to the unlinked file."""
    log = OutcomeLog(tmp_path / FILE)
    log.append(numbered(record, 0))
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(f"old-{path.name}"))
    assert log.append(numbered(record, 1))
    assert log.append(numbered(record, 2))
    assert ids(log.path) == ["id-1", "id-2"]
    log.close()
    assert ids_seen_by_another_process(log.path) == ["id-1", "id-2"]


def test_how_an_answer_ended_is_kept_and_shown(
    tmp_path: Path, record: AnswerRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words and for machines."""
    log = OutcomeLog(tmp_path / FILE)
    for number, ended in enumerate(("complete", "cancelled", "broken")):
        facts = {name: getattr(record, name) for name in record.__slots__}
        log.append(AnswerRecord(**facts | {"id": f"id-{number}", "ended": ended}))
    log.close()
    assert [outcome.ended for outcome in log.rows()] == ["complete", "cancelled", "broken"]
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[router]\ndata_dir = "{tmp_path}"\n')
    _, out, _ = run(capsys, "log", "show", "--config", str(settings))
    assert [line.rsplit(", ", 1)[1] for line in out.splitlines()[1:]] == ["cancelled", "broken"]
    _, out, _ = run(capsys, "log", "show", "--json", "--config", str(settings))
    assert '"ended": "broken"' in out


def as_version_1(path: Path) -> None:
    """What an Edge Router wrote that did not know how answers end."""
    with closing(sqlite3.connect(path)) as connection:
        for column in ADDED:
            connection.execute(f"ALTER TABLE outcomes DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 1")


def test_a_file_of_version_1_keeps_its_rows(tmp_path: Path, record: AnswerRecord) -> None:
    """Reading changes nothing, writing adds what is new; several processes may do it at once."""
    log = OutcomeLog(tmp_path / FILE)
    log.append(numbered(record, 0))
    log.append(numbered(record, 1))
    log.close()
    as_version_1(log.path)
    assert [outcome.ended for outcome in log.rows()] == ["complete"] * 2
    logs = [OutcomeLog(tmp_path / FILE) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda n: logs[n].append(numbered(record, n + 2)), range(4)))
    for one in logs:
        one.close()
    assert sorted(ids(log.path)) == [f"id-{n}" for n in range(6)]
    with closing(sqlite3.connect(log.path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_after_a_fork_both_write(tmp_path: Path, record: AnswerRecord) -> None:
    """Each has a file of its own, in either order of ending; no row is lost or doubled."""
    log = OutcomeLog(tmp_path / FILE)
    log.append(numbered(record, 0))
    with locked(tmp_path / FILE):
        log.append(numbered(record, 1))  # waits, and is the parent's
    children = []
    for child in range(4):
        with warnings_of_forks():
            pid = os.fork()
        if pid == 0:
            kept = [log.append(numbered(record, 100 * (child + 1) + n)) for n in range(10)]
            if child % 2:
                log.close()
            os._exit(int(not all(kept)))
        children.append(pid)
        assert log.append(numbered(record, 10 + child))
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert log.append(numbered(record, 20))
    log.close()
    numbers = [0, 1, 10, 11, 12, 13, 20] + [100 * c + n for c in (1, 2, 3, 4) for n in range(10)]
    assert sorted(ids(log.path)) == sorted(f"id-{n}" for n in numbers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_fork_while_threads_write_loses_nothing(tmp_path: Path, record: AnswerRecord) -> None:
    """And hangs nowhere, in the parent or in a child."""
    log = OutcomeLog(tmp_path / FILE)

    def work(number: int) -> bool:
        return log.append(numbered(record, number))

    with ThreadPoolExecutor(4) as pool:
        message = [pool.submit(work, number) for number in range(200)]
        for child in range(8):
            with warnings_of_forks():
                pid = os.fork()
            if pid == 0:
                os._exit(int(not log.append(numbered(record, 1000 + child))))
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        kept = [f"id-{number}" for number, actual in enumerate(message) if actual.result()]
    log.append(numbered(record, 999))
    log.close()
    assert set(kept) | {f"id-{1000 + child}" for child in range(8)} <= set(ids(log.path))


def test_clearing_reports_another_reader_of_old_rows(
    tmp_path: Path, record: AnswerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text is left behind without a word."""
    monkeypatch.setattr(outcome_log, "ASKED_WAIT_S", 0.1)
    log = OutcomeLog(tmp_path / FILE)
    log.append(record, prompt="a very secret question")
    with closing(sqlite3.connect(log.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute(READ).fetchall()
        with pytest.raises(LearningError, match=r"end it and clear again|in use"):
            log.clear()
    log.close()
    log.clear()
    assert all(b"very secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_running_router_goes_on_after_a_clear(tmp_path: Path) -> None:
    """In this process or another."""
    with router(tmp_path) as learning:
        learning.complete("Hi!")
        code = (
            "import sys; from edge_router.learning.outcomes.log import *; from pathlib import Path;"
        )
        code += "print(OutcomeLog(Path(sys.argv[1])).clear())"
        command = [sys.executable, "-c", code, str(tmp_path / FILE)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "1\n"
        after = learning.complete("Hi!").record.id
        assert ids(tmp_path / FILE) == [after]


ODD = {
    "time": ["x", None, float("inf")],
    "vector": ["x", None, b"abc"],
    "estimates": ["{", "[]", '{"local": 1}', '{"local": ["a", 1, 1, 1]}', "[" * 100_000, "{}"],
    "expert": [None, 5],
    "answered_by": ["nobody", None],
    "characters": ["x"],
    "score": ["good", b"1"],
    "input_tokens": ["x"],
    "ended": [None, "soon"],
    "prompt": [b"\xff", 5],
}


def test_a_row_of_wrong_types_is_an_error_with_the_fix(
    tmp_path: Path, record: AnswerRecord
) -> None:
    """In every column; SQLite itself takes anything anywhere."""
    log = OutcomeLog(tmp_path / FILE)
    log.append(record)
    log.close()
    whole = log.path.read_bytes()
    for column, values in ODD.items():
        for value in values:
            log.path.write_bytes(whole)
            with closing(sqlite3.connect(log.path, isolation_level=None)) as connection:
                connection.execute(f"UPDATE outcomes SET {column} = ?", (value,))
            with pytest.raises(LearningError, match="move it away"):
                log.rows()


SANDBOX = ["unshare", "-rm", "sh", "-c"]


def sandbox(script: str, folder: Path, *commands: str) -> str:
    """Standard output of a script as the root of its own mounts; `$D` is `folder`."""
    if not shutil.which("unshare") or subprocess.run([*SANDBOX, "true"], check=False).returncode:
        pytest.skip("no mounts of one's own are allowed here")
    environment = os.environ | {"D": str(folder), "PY": sys.executable}
    done = subprocess.run(
        [*SANDBOX, script, "sh", *commands], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout


ASK = 'ask() { "$PY" -m edge_router.cli log "$@" --config "$D/settings.toml"; }\n'


@pytest.fixture
def kept(tmp_path: Path, record: AnswerRecord) -> Path:
    """A folder with a log of three rows, and settings that name it."""
    (tmp_path / "data").mkdir()
    log = OutcomeLog(tmp_path / "data" / FILE)
    for number in range(3):
        log.append(numbered(record, number), prompt="a very secret question " * 100)
    log.close()
    (tmp_path / "settings.toml").write_text(f'[router]\ndata_dir = "{tmp_path / "data"}"\n')
    return tmp_path


def test_the_log_is_shown_from_a_disk_that_cannot_be_written(kept: Path) -> None:
    """And clearing says why it cannot."""
    script = (
        'set -e; mount --bind "$D/data" "$D/data"; mount -o remount,bind,ro "$D/data"\n' + ASK +
        'ask show | wc -l; ask clear 2>&1 || true; ask show | wc -l; ls "$D/data"'
    )  # fmt: skip
    shown, refused, again, *files = sandbox(script, kept).splitlines()
    assert (shown.strip(), again.strip(), files) == ("3", "3", [FILE])
    assert "cannot be cleared" in refused


def test_the_log_is_cleared_on_a_disk_that_is_full(kept: Path) -> None:
    """No text is left: where there is no room to rewrite the file, it goes."""
    script = (
        'set -e; mkdir "$D/small"; mount -t tmpfs -o size=400k none "$D/small"\n'
        'cp "$D"/data/* "$D/small"; rm -r "$D"/data/*; mount --bind "$D/small" "$D/data"\n'
        'dd if=/dev/zero of="$D/data/filler" bs=1k 2>/dev/null || true\n' + ASK +
        'ask clear; ask show | wc -l; grep -c "very secret" "$D"/data/* || true'
    )  # fmt: skip
    message, shown, *left = sandbox(script, kept).splitlines()
    assert message == "3 outcomes forgotten"
    assert shown.strip() == "0"
    assert all(line.endswith(":0") or line == "0" for line in left), left


def test_what_was_set_aside_as_corrupt_is_named_when_clearing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may hold texts too."""
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[router]\ndata_dir = "{tmp_path}"\n')
    (tmp_path / f"{FILE}.corrupt-1").touch()
    code, _, err = run(capsys, "log", "clear", "--config", str(settings))
    assert code == 0
    assert f"{FILE}.corrupt-1 was set aside" in err
    assert logging.getLogger("edge_router").handlers == []
