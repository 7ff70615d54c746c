"""Lines that a user types, with editing and arrow keys where the terminal has them.

The lines of `chat` are kept in a file of this user alone, as a shell keeps its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from edge_router.errors import EdgeRouterError
from edge_router.guards.bounded_file import read_text
from edge_router.guards.data_folder import write_atomically

from ..options import as_typed

if TYPE_CHECKING:
    from edge_router.settings.config import Config

__all__ = ["TypedLines"]

FILE = "chat-history"
MOST_LINES, LONGEST_LINE = 1000, 10_000
OWNER_ONLY = 0o600
MARK = "\ufeff"  # what a pipe of PowerShell begins with


@dataclass(slots=True)
class TypedLines:
    """An iterator's worth of typed lines; `path` is the history's file, None for none, and
    `is_private` says which lines are not kept in it."""

    path: Path | None
    is_private: Callable[[str], bool]
    _typed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, config: Config, is_private: Callable[[str], bool]) -> TypedLines:
        """Typed lines by the settings `keep_conversation` and `data_dir`."""
        return cls(config.data_folder / FILE if config.keep_conversation else None, is_private)

    def __iter__(self) -> Generator[str, None, None]:
        """Lines without empty ones, until the end of input; at a terminal the history is kept then,
        also where the user leaves by Ctrl-C."""
        at_terminal = sys.stdin.isatty()
        editor = _editor() if at_terminal else None
        if editor is not None:
            for line in self._kept():
                editor.add_history(line)
        try:
            mark = MARK
            while True:
                try:
                    line = as_typed(input("> " if at_terminal else ""))
                except EOFError:
                    return
                line, mark = line.removeprefix(mark), ""
                if line.strip():
                    if editor is not None:
                        editor.add_history(line)
                    self._typed.append(line)
                    yield line
        finally:
            if at_terminal:
                self._keep()

    def _kept(self) -> list[str]:
        """The lines of the file; none of one that cannot be read."""
        if self.path is None:
            return []
        with suppress(OSError, ValueError, EdgeRouterError):
            text = read_text(self.path, EdgeRouterError, most=MOST_LINES * LONGEST_LINE)
            return text.splitlines()[-MOST_LINES:]
        return []

    def _keep(self) -> None:
        """Add the lines to those that other chats may have kept meanwhile."""
        lines = [
            line
            for line in self._typed
            if len(line) <= LONGEST_LINE and line.isprintable() and not self.is_private(line)
        ]
        if self.path is None or not lines:
            return
        text = "".join(f"{line}\n" for line in [*self._kept(), *lines][-MOST_LINES:])
        with suppress(OSError, UnicodeError):  # arrow keys are no reason to fail
            write_atomically(self.path, text, mode=OWNER_ONLY, durable=False)


def _editor() -> ModuleType | None:
    """readline, which `input` uses once it is imported; None where Python has none (Windows)."""
    try:
        import readline
    except ImportError:
        return None
    readline.set_auto_history(False)  # or answers to questions would be lines of the chat
    readline.clear_history()
    return readline
