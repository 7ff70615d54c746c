"""The lines of chat: kept for the arrow keys, but no secrets, and for nobody else."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from edge_router.cli.talking.typed_lines import TypedLines


class Terminal(io.StringIO):
    """Lines that a user types at a terminal."""

    def isatty(self) -> bool:
        return True


def typed(monkeypatch: pytest.MonkeyPatch, path: Path | None, text: str) -> list[str]:
    """The lines of one chat; those with "secret" in them are private."""
    monkeypatch.setattr("sys.stdin", Terminal(text))
    return list(TypedLines(path, lambda line: "secret" in line))


def test_lines_are_kept_from_chat_to_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file of mode 0600; blank ones, and private ones, are not in it."""
    path = tmp_path / "new" / "chat-history"
    assert typed(monkeypatch, path, "one\n\n  \na secret\n/help\n") == ["one", "a secret", "/help"]
    typed(monkeypatch, path, "two\n")
    assert path.read_text() == "one\n/help\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_last_thousand_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than a screen can show is not a line that anybody typed."""
    path = tmp_path / "chat-history"
    typed(monkeypatch, path, "".join(f"line {n}\n" for n in range(1005)) + "x" * 20_000 + "\n")
    lines = path.read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (1000, "line 5", "line 1004")


def test_a_broken_history_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that are no text, a folder in its place, and no file at all by the settings."""
    path = tmp_path / "chat-history"
    path.write_bytes(b"\xff\xfe\x00")
    assert typed(monkeypatch, path, "one\n") == ["one"]
    assert typed(monkeypatch, tmp_path, "one\n") == ["one"]
    assert typed(monkeypatch, None, "one\n") == ["one"]


def test_what_is_piped_in_is_not_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script's lines are kept in no history, and PowerShell's mark is none of them."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffone\ntwo\n"))
    assert list(TypedLines(tmp_path / "file", lambda _: False)) == ["one", "two"]
    assert not (tmp_path / "file").exists()
