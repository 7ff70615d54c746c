"""The journal of asking: rows as they were written, and a killed run's half line costs itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.learning.enrolment.journal import Journal

ROW = {"source": "made", "id": "a", "score": {"x": 1.0}, "output_tokens": {"x": 5}}


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Across runs and in a folder made for it."""
    journal = Journal(tmp_path / "new" / "j")
    assert journal.rows() == []
    for number in range(2):
        with journal.writer() as write:
            write(ROW | {"id": number})
    assert [row["id"] for row in journal.rows()] == [0, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_only_one_process_at_a_time_has_it(tmp_path: Path) -> None:
    """A second one is refused, also where the first has just removed it; no empty one stays."""
    journal = Journal(tmp_path / "new" / "j")
    with (
        journal.alone(),
        pytest.raises(ConfigError, match=r"another process works with .*j; wait for its end"),
        journal.alone(),
    ):
        pass
    assert not journal.path.exists()
    with journal.alone(), journal.writer() as write:
        write(ROW)
    with journal.alone():
        assert journal.rows() == [ROW]


def test_without_locks_it_is_not_held_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows removes no file that is open, and a finished run removes its journal."""
    monkeypatch.setattr("edge_router.learning.enrolment.journal.fcntl", None)
    journal = Journal(tmp_path / "new" / "j")
    with journal.alone():
        assert not journal.path.exists()
        with journal.writer() as write:
            write(ROW)
        journal.path.unlink()
    assert journal.path.parent.exists()


def test_a_line_that_is_no_row_is_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a line, another encoding, no question, a score out of range."""
    journal = Journal(tmp_path / "j")
    with journal.writer() as write:
        write(ROW)
    with journal.path.open("ab") as file:
        file.write(b'\xff\xfe\n{"id": "b", "score": {"x": 1}}\n')
        file.write(b'{"source": "made", "id": "c", "score": {"x": 2}}\n{"source": "ma')
    with journal.writer() as write:
        write(ROW | {"id": "d"})
    assert [row["id"] for row in journal.rows()] == ["a", "d"]
    assert f"{journal.path}: 4 lines are no outcomes" in caplog.text


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    """Refused with its name, not taken for an empty one."""
    with pytest.raises(ConfigError, match="cannot be read"):
        Journal(tmp_path).rows()
