"""The ledger of a budget: an SQLite file of what was spent, shared by all processes of a folder.

A reservation is booked at its worst case before an expert is asked, and corrected once when the
answer has ended. One whose process was killed stays booked in full: what its server charges is not
known. Periods are those of the calendar in UTC; what the file has of a later time than the clock's
counts as well, so that a clock that goes back frees nothing.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_router.errors import BudgetUnusable
from edge_router.guards.sqlite_file import (
    BUSY,
    SqliteFile,
    code_of,
    identity,
    remove,
    transaction,
    wait_no_longer,
)
from edge_router.settings.budget_config import ANY_CALLER, Allowance, BudgetConfig

from . import ledger_table as table
from .amount import Amount
from .ledger_table import Entry
from .periods import PERIODS, Period, end_of

__all__ = ["FILE", "Ledger", "Pending", "Room", "Window"]

log = logging.getLogger("edge_router")

FILE = "budget.sqlite3"
WAIT_S = 5.0  # for other threads and processes that write, both together
SETTLE_WAIT_S = 0.5  # the same at the end of an answer; it is settled later then
MOST_LATE = 1000  # settlements that wait for the file
FAULTS = (sqlite3.Error, OSError, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class Window:
    """One limit: what it allows in a `period` ("answer" for each one) and what of it is spent or
    reserved; `caller` None is everyone. It ends at `ends`, in seconds since 1970, which is `in_s`
    seconds after it was read."""

    caller: str | None
    period: Period | str
    in_tokens: bool
    limit: float
    spent: float
    ends: float | None = None
    in_s: float | None = None

    @property
    def left(self) -> float:
        """What is left of it, never below 0."""
        return max(0.0, self.limit - self.spent)


Room = Sequence[Window]
"""Every limit that holds for a caller now."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A reservation that no process has settled, booked at its worst case."""

    at: float
    caller: str | None
    expert: str
    usd: float
    tokens: int
    process: int


class Ledger:
    """The file at `path`, made for the first reservation. Thread-safe, and safe between processes.

    Every verb raises BudgetUnusable where the file is corrupt, cannot be written or is in use for
    too long: what cannot be booked must not be spent. `clock` gives seconds since 1970.
    """

    def __init__(
        self, path: Path, limits: BudgetConfig, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._limits = limits
        self._clock = clock
        self._file = SqliteFile(path, table.open_for_writing)
        self._late: deque[tuple[Entry, float, int]] = deque()

    @classmethod
    def in_folder(cls, folder: Path, limits: BudgetConfig) -> Self:
        """The ledger of a data folder; its file is not opened yet."""
        return cls(folder / FILE, limits)

    def room(self, caller: str | None) -> Room:
        """What the limits leave for a caller now."""
        if identity(self.path) is None:
            return self._windows(caller, self._clock(), {})
        with self._use(WAIT_S, "read") as (connection, until):
            wait_no_longer(connection, until)
            return self._room(connection, caller, self._clock())

    def reserve(
        self,
        caller: str | None,
        plan: Callable[[Room], Amount],
        *,
        expert: str,
        within_s: float = WAIT_S,
    ) -> Entry:
        """Book the amount that `plan` makes of what is left, in one step with looking it up.

        Nothing is booked where `plan` raises.
        """
        with self._use(min(WAIT_S, within_s), "written") as (connection, until):
            with transaction(connection, until):
                self._settle_late(connection)
                now = self._clock()
                amount = plan(self._room(connection, caller, now))
                entry = Entry(secrets.randbits(62), now, caller, amount, os.getpid())
                table.reserve(connection, entry, expert)
            self._late.clear()
            return entry

    def settle(self, entry: Entry, usd: float, tokens: int) -> None:
        """Correct a reservation to what was really spent, in the periods that it was made in.

        Does nothing in another process than its own. It never raises: where the file cannot be
        written, the worst case stays booked, and the correction comes with the next reservation.
        """
        if entry.process != os.getpid():
            return
        try:
            with (
                self._use(SETTLE_WAIT_S, "written") as (connection, until),
                transaction(connection, until),
            ):
                table.correct(connection, entry, usd, tokens)
        except BudgetUnusable as error:
            log.warning("an answer is booked at its worst case for now: %s", error)
            if len(self._late) < MOST_LATE:
                self._late.append((entry, usd, tokens))

    def pending(self) -> list[Pending]:
        """The reservations that are not settled, the oldest first: of answers under way, and of
        processes that were killed."""
        if identity(self.path) is None:
            return []
        with self._use(WAIT_S, "read") as (connection, until):
            wait_no_longer(connection, until)
            rows = connection.execute(
                "SELECT at, caller, expert, usd, tokens, process FROM pending ORDER BY at"
            )
            return [Pending(*row) for row in rows]

    def callers(self) -> list[str]:
        """The callers that the file knows, and those of the settings."""
        known = set(self._limits.callers) - {ANY_CALLER}
        if identity(self.path) is not None:
            with self._use(WAIT_S, "read") as (connection, until):
                wait_no_longer(connection, until)
                rows = connection.execute("SELECT DISTINCT caller FROM spent WHERE caller != ''")
                known |= {str(name) for (name,) in rows}
        return sorted(known)

    def clear(self) -> None:
        """Forget all that was spent: the file is removed, and a new one begun when it is needed."""
        self._late.clear()
        self._file.close(WAIT_S)
        try:
            remove(self.path)
        except OSError as error:
            raise self._unusable("removed", error) from error

    def close(self) -> None:
        """Settle what had to wait, if there is time, and give the file back."""
        if self._late:
            try:
                with (
                    self._use(SETTLE_WAIT_S, "written") as (connection, until),
                    transaction(connection, until),
                ):
                    self._settle_late(connection)
                self._late.clear()
            except BudgetUnusable as error:
                log.warning(
                    "%d answers stay booked at their worst case: %s", len(self._late), error
                )
        self._file.close(SETTLE_WAIT_S)

    @contextmanager
    def _use(self, wait_s: float, what: str) -> Iterator[tuple[sqlite3.Connection, float]]:
        try:
            with self._file.use(wait_s) as opened:
                yield opened
        except FAULTS as error:
            raise self._unusable(what, error) from error

    def _settle_late(self, connection: sqlite3.Connection) -> None:
        for entry, usd, tokens in self._late:
            if entry.process == os.getpid():
                table.correct(connection, entry, usd, tokens)

    def _room(self, connection: sqlite3.Connection, caller: str | None, now: float) -> Room:
        return self._windows(caller, now, table.spent(connection, caller, now))

    def _windows(
        self, caller: str | None, now: float, spent: dict[tuple[str, str], tuple[float, float]]
    ) -> Room:
        own = self._limits.of_caller(caller)
        windows = list(_windows_of(self._limits, None, now, spent))
        return windows if own is None else [*windows, *_windows_of(own, caller, now, spent)]

    def _unusable(self, what: str, error: Exception) -> BudgetUnusable:
        if code_of(error) in BUSY or "locked" in str(error):
            return BudgetUnusable(f"{self.path} is in use by another process; try again")
        return BudgetUnusable(
            f"{self.path} cannot be {what}: {error}; what costs is not asked until it can be. Make "
            "room there, or begin a new one with `edge-router budget reset`, which forgets what "
            "was spent"
        )


def _windows_of(
    limits: Allowance,
    caller: str | None,
    now: float,
    spent: dict[tuple[str, str], tuple[float, float]],
) -> Iterator[Window]:
    if limits.tokens_per_answer is not None:
        yield Window(caller, "answer", True, limits.tokens_per_answer, 0)
    for period in PERIODS:
        usd, tokens = spent.get((period, caller or table.EVERYONE), (0.0, 0.0))
        ends = end_of(period, now)
        dollars: float | None = getattr(limits, f"usd_per_{period}")
        if dollars is not None:
            yield Window(caller, period, False, dollars, usd, ends, ends - now)
        most: int | None = getattr(limits, f"tokens_per_{period}")
        if most is not None:
            yield Window(caller, period, True, most, tokens, ends, ends - now)
