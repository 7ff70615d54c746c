"""The line while a model loads: on a terminal only, and nothing of it is left."""

from __future__ import annotations

import io
import threading

import pytest

from edge_router.cli.talking import waiting_line as module
from edge_router.cli.talking.waiting_line import CLEAR, waiting_line


class Screen(io.StringIO):
    """Standard error, a terminal or not, that says when something was written."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.wrote = threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.wrote.set()
        return super().write(text)


def screen_of(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal, for a line that comes after a millisecond."""
    screen = Screen(terminal=True)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(module, "FIRST_S", 0.001)
    monkeypatch.setattr(module, "EACH_S", 0.001)
    return screen


def test_it_is_shown_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece of an answer stands on a clean line."""
    screen = screen_of(monkeypatch)
    with waiting_line(lambda: "loading a\x1b[2Jb.gguf") as arrived:
        assert screen.wrote.wait(5)
        arrived()
        shown = screen.getvalue()
    assert shown.startswith(f"{CLEAR}loading a\\x1b[2Jb.gguf, 0 s")
    assert shown.endswith(CLEAR)
    assert screen.getvalue() == shown


def test_nothing_to_say_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even an empty line."""
    screen = screen_of(monkeypatch)
    asked = threading.Event()

    def words() -> str:
        asked.set()
        return ""

    with waiting_line(words):
        assert asked.wait(5)
    assert screen.getvalue() == ""


def test_no_terminal_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor on one that cannot go back; no thread is started."""
    screen = screen_of(monkeypatch)
    threads = threading.active_count()
    for name, terminal in (("xterm", False), ("dumb", True)):
        monkeypatch.setenv("TERM", name)
        screen.terminal = terminal
        with waiting_line(lambda: "loading"):
            assert threading.active_count() == threads
    assert screen.getvalue() == ""
