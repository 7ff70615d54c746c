"""What this device has seen and how good the answers were: an SQLite file, bounded, 0600.

Only an EdgeRouter with the setting `learn` writes one. Order is that of arrival (SQLite's rowid
never goes back), whatever the clock does.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edge_router.errors import LearningError
from edge_router.guards.forking import renew_after_fork
from edge_router.guards.sqlite_file import (
    BUSY,
    CORRUPT,
    NO_ROOM,
    Locked,
    SqliteFile,
    code_of,
    remove,
    transaction,
)

from . import table
from .outcome import Outcome

if TYPE_CHECKING:
    from edge_router.routing.record import AnswerRecord

__all__ = ["FILE", "MAX_ROWS", "OutcomeLog", "outcome_of"]


log = logging.getLogger("edge_router")
T = TypeVar("T")

FILE = "outcomes.sqlite3"
MAX_ROWS = 10_000  # about 8 MB
WAIT_S = 0.2  # for other threads and processes that write, both together
ASKED_WAIT_S = 2.0  # the same where a user asked for it
UNFIT = (  # one row or one score, not the file
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    ValueError,
    TypeError,
    ArithmeticError,
)
MOST_WAITING = 256  # rows for which nobody waited


class OutcomeLog:
    """The file at `path`, which is made at the first append. Thread-safe; several processes may
    write. Of more than `max_rows` rows the oldest go. With a `batch` rows wait in memory until so
    many can be written at once, or a score or `close` comes; a killed process loses them.

    `append` and `score` never raise over the file, and no answer waits for them longer than WAIT_S.
    Where it cannot be written, learning stops for the life of this object and one warning says so.
    A corrupt file is moved aside, and a new one begun. `rows` and `clear`, which a user asks for,
    raise LearningError.

    A fork closes the file before, and each process opens it anew.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_rows: int = MAX_ROWS,
        batch: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._batch = batch
        self._max_rows = max_rows
        self._clock = clock
        self._file = SqliteFile(path, table.open_for_writing)
        self._waiting: deque[list[Any]] = deque()
        self._stopped = False
        renew_after_fork(self)

    @property
    def stopped(self) -> bool:
        """Whether it could not be written, so that nothing is kept any more."""
        return self._stopped

    def append(
        self,
        record: AnswerRecord,
        *,
        prompt: str | None = None,
        rival: str | None = None,
        shadow: str | None = None,
    ) -> bool:
        """Keep what happened; False where it was not kept, and for a row that waits for its batch.

        A row for which others left no time waits in memory, and goes into the file before the next
        one; it is not called kept until then.
        """
        try:
            outcome = outcome_of(
                record, time=self._clock(), prompt=prompt, rival=rival, shadow=shadow
            )
            if outcome is None:
                return False
            values = table.values_of(outcome)
        except (ValueError, TypeError, ArithmeticError):
            return False  # numbers or texts that no file can hold

        if len(self._waiting) + 1 < self._batch and not self._stopped:
            self._waiting.append(values)
            return False

        def insert(connection: sqlite3.Connection) -> bool:
            table.insert(connection, values, self._max_rows)
            return True

        kept = self._write(insert)
        if kept is None and not self._stopped and len(self._waiting) < MOST_WAITING:
            self._waiting.append(values)
        return bool(kept)

    def score(self, id: str, score: float) -> bool:  # noqa: A002
        """Tell how good an answer was, 0..1; False where the log has no such answer (any more), or
        it could not be written."""
        update = "UPDATE outcomes SET score = ? WHERE id = ?"
        return bool(
            self._write(lambda connection: connection.execute(update, (score, id)).rowcount)
        )

    def rows(self) -> list[Outcome]:
        """All, the oldest first; none where there is no file. Raises LearningError.

        Nothing is written: it works on a disk that cannot be.
        """
        return [outcome for _, outcome in self.numbered_rows()]

    def numbered_rows(self) -> list[tuple[int, Outcome]]:
        """As `rows`, each with its number, which grows in the order of arrival."""
        if not os.path.lexists(self.path):
            return []
        try:
            with table.open_for_reading(self.path, ASKED_WAIT_S) as connection:
                return table.numbered_outcomes(connection, self.path)
        except table.FAULTS as error:
            raise self._unusable("read", error) from error

    def clear(self) -> int:
        """Forget everything, on the disk too; how many rows that were. Raises LearningError.

        Where the disk has no room to rewrite the file, it is deleted.
        """
        self._waiting.clear()
        if not os.path.lexists(self.path):
            return 0
        try:
            count = self._count()
            self._empty_or_remove()
        except table.FAULTS as error:
            raise self._unusable("cleared", error) from error
        return count

    def close(self) -> None:
        """Give the file back; what still waits in memory is written, if there is time."""
        if self._waiting:
            self._write(lambda _: True)
        if self._waiting:
            log.warning("%d answers were not kept: %s is in use", len(self._waiting), self.path)
            self._waiting.clear()
        self._file.close(WAIT_S)

    def after_fork(self) -> None:
        self._waiting = deque()  # the parent writes them

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The work's result after everything that waited; None where it was not done."""
        until = time.monotonic() + WAIT_S
        for _ in range(2):
            if self._stopped:
                return None
            try:
                wait_s = max(0.0, until - time.monotonic())
                with self._file.use(wait_s, failed=self._recover) as (connection, _):
                    return self._write_fitting(connection, work, until)
            except LearningError as error:
                self._stop(error)
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, Locked) or code_of(error) in BUSY:
                    return None
        return None

    def _write_fitting(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], until: float
    ) -> T | None:
        try:
            return self._write_all(connection, work, until)
        except UNFIT:
            return None  # this row cannot be kept, the next may be

    def _write_all(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], until: float
    ) -> T:
        waiting = list(self._waiting)
        with transaction(connection, until):
            for values in waiting:
                with suppress(sqlite3.IntegrityError):
                    table.insert(connection, values, self._max_rows)
            result = work(connection)
        for _ in waiting:
            self._waiting.popleft()
        return result

    def _recover(self, error: Exception) -> None:
        """Move a corrupt file aside; stop over anything else but others that write."""
        if code_of(error) in BUSY:
            return
        if code_of(error) in CORRUPT:
            with suppress(OSError):
                aside = table.set_aside(self.path)
                log.warning("%s is corrupt; it is kept as %s", self.path, aside)
                return
        self._stop(error)

    def _stop(self, error: Exception) -> None:
        self._stopped = True
        log.warning("nothing is learned from now on: %s: %s", self.path, error)

    def _count(self) -> int:
        with table.open_for_reading(self.path, ASKED_WAIT_S) as connection:
            return table.count_rows(connection, self.path)

    def _empty_or_remove(self) -> None:
        until = time.monotonic() + ASKED_WAIT_S
        try:
            with closing(table.open_for_writing(self.path, until)) as connection:
                table.empty(connection, self.path, until)
        except sqlite3.Error as error:
            if code_of(error) not in NO_ROOM:
                raise
            remove(self.path)  # writers see that it is another file, and begin a new one

    def _unusable(self, what: str, error: Exception) -> LearningError:
        if isinstance(error, LearningError):
            return error
        if code_of(error) in BUSY:
            return LearningError(f"{self.path} is in use by another process; try again")
        return LearningError(
            f"{self.path} cannot be {what}: {error}; move it away to begin a new one"
        )


def outcome_of(
    record: AnswerRecord,
    *,
    time: float,
    prompt: str | None = None,
    rival: str | None = None,
    shadow: str | None = None,
) -> Outcome | None:
    """The row of an answered query, None for a decision that no router made."""
    decision, usage = record.decision, record.usage
    if decision.grounds is None or (query := decision.grounds.query) is None:
        return None
    return Outcome(
        id=record.id,
        time=time,
        artifact=query.artifact,
        vector=query.representation.vector,
        log_tokens=query.representation.log_tokens,
        characters=query.characters,
        script=query.script,
        estimates=decision.estimates,
        expert=decision.expert,
        rival=rival,
        answered_by=record.answered_by,
        propensity=decision.propensity,
        gain=decision.gain,
        min_gain=decision.min_gain,
        cost_usd=record.cost_usd,
        first_token_s=record.first_token_s,
        total_s=record.total_s,
        input_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.completion_tokens if usage else None,
        prompt=prompt,
        ended=record.ended,
        reason=record.reason,
        operating_point=decision.operating_point,
        shadow=shadow,
        cached_tokens=usage.cached_tokens if usage else None,
    )
