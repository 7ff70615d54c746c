"""The journal of a run that asks an expert: an outcome row a line, written when it is known."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_router.errors import ConfigError
from edge_router.guards.bounded_file import decoded, numbered_lines, refuse_missing
from edge_router.guards.json_lines import json_value

from ..outcomes.rows import OutcomeRows, Row

try:
    import fcntl
except ImportError:  # Windows: nothing is locked
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal"]

NEEDED = ("source", "id", "score")  # which question, and what it brought by expert

log = logging.getLogger("edge_router")


@dataclass(frozen=True, slots=True)
class Journal:
    """Outcome rows in the file at `path`, each of one question. A killed run can go on from it."""

    path: Path

    def rows(self) -> list[Row]:
        """All rows of `stream`."""
        return list(self.stream())

    def stream(self) -> Iterator[Row]:
        """The rows, none without a file. Raises ConfigError for a file that cannot be read.

        A line that is no row, such as the half that a killed run left, is skipped: its question is
        asked again. One warning counts such lines.
        """
        try:
            refuse_missing(self.path)
        except FileNotFoundError:
            return
        reader = OutcomeRows(self.path, ConfigError, needed=NEEDED)
        skipped = 0
        for number, line in numbered_lines(self.path, ConfigError):
            try:
                row = reader.checked(json_value(decoded(line)), f"{self.path}:{number}")
            except ValueError:  # ConfigError is one
                skipped += 1
            else:
                yield row
        if skipped:
            log.warning("%s: %d lines are no outcomes; those are asked again", self.path, skipped)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For a block that reads the journal and a result and writes them anew: no second process
        does so meanwhile, which would lose what one of them paid for.

        Raises ConfigError where another process is at it, OSError. An empty journal is removed.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if fcntl is None:  # Windows, where nobody could remove the file while it is open
            yield
            return
        with self.path.open("ab") as file:
            if not _locked(file.fileno()):
                raise ConfigError(
                    f"another process works with {self.path}; wait for its end, or give another "
                    "file for the result"
                )
            try:
                yield
            finally:
                if os.fstat(file.fileno()).st_size == 0:
                    with suppress(OSError):
                        self.path.unlink()

    @contextmanager
    def writer(self) -> Iterator[Callable[[Row], None]]:
        """A function that adds one row, after half a line too. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+", encoding="utf-8") as file:
            if file.tell():
                file.write("\n")

            def write(row: Row) -> None:
                file.write(json.dumps(row) + "\n")
                file.flush()

            yield write


def _locked(descriptor: int) -> bool:
    """Lock an open file until it is closed; False where another process has locked it, or has
    removed it since it was opened. True where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.fstat(descriptor).st_nlink > 0
