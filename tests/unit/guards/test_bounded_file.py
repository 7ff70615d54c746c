"""Files from anywhere: regular ones within bounds, and nothing else."""

from __future__ import annotations

import gzip
import io
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.guards import bounded_file
from edge_router.guards.bounded_file import (
    MAX_LINE_BYTES,
    STANDARD_INPUT,
    numbered_lines,
    read_text,
)

ROW = b'{"query": "a", "score": {"a": 1}}\n'


def refused(path: Path) -> str:
    """The message of both ways to read, which do not take long."""
    told, start = [], time.monotonic()
    for read in (
        lambda: list(numbered_lines(path, ConfigError)),
        lambda: read_text(path, ConfigError),
    ):
        with pytest.raises(ConfigError) as refusal:
            read()
        told.append(str(refusal.value))
    assert time.monotonic() - start < 20
    assert str(path) in told[0]
    return " ".join(told)


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    """A pipe would wait for ever, a device would never end; links to them are no better."""
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe, not a regular file" in refused(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    assert "it is a device, not a regular file" in refused(tmp_path / "link")
    assert "it is a device" in refused(Path("/dev/zero"))
    assert "it is a folder" in refused(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "symbolic links" in refused(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert "it is a socket" in refused(tmp_path / "socket")
    assert "cannot be read" in refused(tmp_path / "none")
    assert "cannot be read" in refused(Path("a\0b"))


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """By its number, before it is all in memory."""
    path = tmp_path / "long"
    path.write_bytes(ROW)
    os.truncate(path, len(ROW) + MAX_LINE_BYTES + 1)  # zeros after the first line, on no disk
    with pytest.raises(ConfigError, match=r"line 2 is longer than 16,777,216 bytes"):
        list(numbered_lines(path, ConfigError))


@pytest.mark.parametrize("unit", [b"\0" * 1000, b"\n" * 1000, ROW])
def test_a_gzip_bomb_is_refused(tmp_path: Path, unit: bytes) -> None:
    """Zeros, blank lines, or rows without end."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(unit * (2**25 // len(unit)), 9))
    told = refused(path)
    assert "unpacks to more than 200 times its size" in told or "longer than" in told


def test_totals_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and lines, with the fix."""
    path = tmp_path / "rows"
    path.write_bytes(ROW * 100)
    monkeypatch.setattr(bounded_file, "MAX_LINES", 99)
    with pytest.raises(ConfigError, match="more than 99 lines; give a part of it"):
        list(numbered_lines(path, ConfigError))
    monkeypatch.setattr(bounded_file, "MAX_LINES", 100)
    assert len(list(numbered_lines(path, ConfigError))) == 100
    monkeypatch.setattr(bounded_file, "MAX_BYTES", len(ROW) * 99)
    with pytest.raises(ConfigError, match="longer than"):
        list(numbered_lines(path, ConfigError))
    with pytest.raises(ConfigError, match=f"longer than {len(ROW)} bytes"):
        read_text(path, ConfigError, most=len(ROW))


def test_standard_input_is_read_within_the_same_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its byte-order mark."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\r\n\nb")))
    assert list(numbered_lines(STANDARD_INPUT, ConfigError)) == [(1, b"a\r\n"), (3, b"b")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfea\0")))
    with pytest.raises(ConfigError, match="standard input cannot be read: it is UTF-16"):
        list(numbered_lines(STANDARD_INPUT, ConfigError))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match="standard input cannot be read: there is none"):
        list(numbered_lines(STANDARD_INPUT, ConfigError))


def test_reading_opens_and_closes_nothing_else(tmp_path: Path) -> None:
    """No descriptor is left, whatever was wrong with the file."""
    (tmp_path / "x.gz").write_bytes(b"no gzip")
    before = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
    for _ in range(5):
        refused(tmp_path / "x.gz")
        refused(tmp_path)
    if sys.platform == "linux":
        assert len(list(Path("/proc/self/fd").iterdir())) == before
