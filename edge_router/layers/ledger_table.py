"""The tables of a ledger: what was spent in each period, and the reservations not settled yet."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from edge_router.guards.sqlite_file import opened, transaction

from .amount import Amount
from .periods import PERIODS, start_of

__all__ = [
    "EVERYONE",
    "Entry",
    "correct",
    "open_for_writing",
    "reserve",
    "spent",
]

SCHEMA_VERSION = 1
KEPT = {"hour": 72, "day": 62, "month": 24}  # periods in which something was spent
MOST_PENDING = 10_000
LEAST_USD = -1e-6  # what rounding leaves of a reservation that was given back
EVERYONE = ""  # the name of all callers together
SPENT = (
    "CREATE TABLE spent (period TEXT, start INTEGER, caller TEXT, usd REAL, tokens INTEGER, "
    "PRIMARY KEY (period, start, caller)) WITHOUT ROWID"
)
PENDING = (
    "CREATE TABLE pending (id INTEGER PRIMARY KEY, at REAL, caller TEXT, expert TEXT, usd REAL, "
    "tokens INTEGER, process INTEGER)"
)
ADD = (
    "INSERT INTO spent VALUES (?, ?, ?, ?, ?) ON CONFLICT (period, start, caller) DO UPDATE SET "
    "usd = usd + excluded.usd, tokens = tokens + excluded.tokens"
)
SUM = (
    "SELECT period, caller, TOTAL(usd), TOTAL(tokens), "
    "MIN(typeof(usd) IN ('real', 'integer') AND usd >= ? AND typeof(tokens) = 'integer' "
    "AND tokens >= 0) FROM spent WHERE caller IN (?, ?) AND "
    "((period = 'hour' AND start >= ?) OR (period = 'day' AND start >= ?) OR "
    "(period = 'month' AND start >= ?)) GROUP BY period, caller"
)
FORGET = (
    "DELETE FROM spent WHERE period = ? AND start < (SELECT DISTINCT start FROM spent WHERE "
    "period = ? ORDER BY start DESC LIMIT 1 OFFSET ?)"
)
FORGET_PENDING = (
    "DELETE FROM pending WHERE at < (SELECT at FROM pending ORDER BY at DESC LIMIT 1 OFFSET ?)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A reservation in the file; belongs to the process that made it."""

    id: int
    at: float
    caller: str | None
    amount: Amount
    process: int


def spent(
    connection: sqlite3.Connection, caller: str | None, now: float
) -> dict[tuple[str, str], tuple[float, float]]:
    """Dollars and tokens of the periods that it is now, and of later ones, by period and caller:
    of EVERYONE and of one of them. Raises ValueError for amounts that nobody can have spent: they
    would leave more than the limits allow."""
    starts = [start_of(period, now) for period in PERIODS]
    rows = connection.execute(SUM, (LEAST_USD, EVERYONE, caller, *starts)).fetchall()
    for period, name, *_, plausible in rows:
        if not plausible:
            whose = f" of {name!r:.80}" if name else ""
            raise ValueError(f"what it has spent this {period}{whose} is no amount")
    return {(period, name): (usd, tokens) for period, name, usd, tokens, _ in rows}


def reserve(connection: sqlite3.Connection, entry: Entry, expert: str) -> None:
    """Book a reservation at its worst case."""
    amount = entry.amount
    _add(connection, entry.at, entry.caller, amount.usd, amount.tokens)
    connection.execute(
        "INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, ?)",
        (entry.id, entry.at, entry.caller, expert, amount.usd, amount.tokens, entry.process),
    )


def _add(
    connection: sqlite3.Connection, at: float, caller: str | None, usd: float, tokens: int
) -> None:
    """Add to the periods that a moment lies in, of everyone and of the caller."""
    for name in {EVERYONE, caller or EVERYONE}:
        for period in PERIODS:
            connection.execute(ADD, (period, start_of(period, at), name, usd, tokens))


def correct(connection: sqlite3.Connection, entry: Entry, usd: float, tokens: int) -> None:
    """Replace a reservation by what was spent. One that is not in the file any more (it was moved
    or removed meanwhile) is added anew."""
    there = connection.execute("DELETE FROM pending WHERE id = ?", (entry.id,)).rowcount
    booked = entry.amount if there else Amount(0.0, 0, 0)
    _add(connection, entry.at, entry.caller, usd - booked.usd, tokens - booked.tokens)


def _forget_old(connection: sqlite3.Connection) -> None:
    """Remove the oldest periods and reservations beyond a number that is kept. The clock is not
    asked: one that jumped ahead would forget what was spent today."""
    for period, kept in KEPT.items():
        connection.execute(FORGET, (period, period, kept))
    connection.execute(FORGET_PENDING, (MOST_PENDING,))


def open_for_writing(path: Path, until: float) -> sqlite3.Connection:
    """An open file with our tables, made where there is none."""
    return opened(path, until, lambda connection: _prepare(connection, until))


def _prepare(connection: sqlite3.Connection, until: float) -> None:
    if _version_of(connection) == SCHEMA_VERSION:
        with transaction(connection, until):
            _forget_old(connection)
        return
    with transaction(connection, until):
        if _version_of(connection) == 0:  # another process may have been faster
            connection.execute(SPENT)
            connection.execute(PENDING)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version_of(connection: sqlite3.Connection) -> int:
    """0 for a new file. Raises ValueError for a version of later times."""
    version: int
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= SCHEMA_VERSION:
        raise ValueError(
            f"it has schema version {version}, this Edge Router writes {SCHEMA_VERSION}; upgrade it"
        )
    return version
