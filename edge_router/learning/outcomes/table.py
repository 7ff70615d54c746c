"""The outcome log's SQLite file: its table, and how to open, read, empty and set it aside.

Nothing here opens and closes the file except through SQLite: closing any descriptor of it drops
every lock that this process has on it, and another process then removes what was not merged yet.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.errors import LearningError
from edge_router.guards.bounded_file import require_regular
from edge_router.guards.sqlite_file import (
    NO_ROOM,
    code_of,
    opened,
    set_aside,
    transaction,
)
from edge_router.routing.arrays import Float32s
from edge_router.routing.experts.expert import Estimate

from .outcome import Outcome

__all__ = [
    "COLUMNS",
    "ESTIMATED",
    "FAULTS",
    "checked",
    "count_rows",
    "empty",
    "estimate_numbers",
    "insert",
    "numbered_outcomes",
    "open_for_reading",
    "open_for_writing",
    "selection",
    "set_aside",
    "values_of",
    "vector_bytes",
    "vector_of",
    "version_of",
]

log = logging.getLogger("edge_router")

SCHEMA_VERSION = 3
COLUMNS = tuple(field.name for field in fields(Outcome))
ADDED = {  # the version that a column is there since, and what stands there for older rows
    "ended": (2, "'complete'"),
    "reason": (3, "''"),
    "operating_point": (3, "''"),
    "shadow": (3, "NULL"),
    "cached_tokens": (3, "NULL"),
}
TABLE = (
    "CREATE TABLE IF NOT EXISTS outcomes (number INTEGER PRIMARY KEY AUTOINCREMENT, "
    f"{', '.join(COLUMNS)}, UNIQUE (id))"
)
INSERT = f"INSERT INTO outcomes ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608

# What a file raises that is not as we wrote it: SQLite takes any value in any column.
FAULTS = (
    sqlite3.Error,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    LearningError,
)
TEXTS = ("id", "artifact", "script", "expert", "answered_by", "reason", "operating_point")
TEXTS_OR_NONE = ("rival", "prompt", "shadow")
NUMBERS = ("time", "log_tokens", "propensity", "gain", "min_gain", "first_token_s", "total_s")
NUMBERS_OR_NONE = ("cost_usd", "score")
COUNTS_OR_NONE = ("input_tokens", "output_tokens", "cached_tokens")
ESTIMATED = ("quality", "cost_usd", "latency_s", "output_tokens")  # of each expert, in this order
ENDINGS = ("complete", "cancelled", "broken")
LARGEST = 2**63  # SQLite's integers


def open_for_writing(path: Path, until: float) -> sqlite3.Connection:
    """An open file with our table in it, made where there is none; `until` on the monotonic clock.

    Raises sqlite3.Error, OSError, LearningError.
    """
    return opened(path, until, lambda connection: _prepare(connection, path, until))


def _prepare(connection: sqlite3.Connection, path: Path, until: float) -> None:
    connection.execute("PRAGMA secure_delete = ON")  # prompts that went are not kept in free pages
    if version_of(connection, path) == SCHEMA_VERSION:
        return
    with transaction(connection, until):
        version = version_of(connection, path)  # another process may have been faster
        if version == 0:
            connection.execute(TABLE)
        for column, (since, value) in ADDED.items():
            if 0 < version < since:
                connection.execute(f"ALTER TABLE outcomes ADD COLUMN {column} DEFAULT {value}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """0 for a new file. Raises LearningError for a version of later times."""
    version: int
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= SCHEMA_VERSION:
        raise LearningError(
            f"{path} has schema version {version}, this Edge Router writes {SCHEMA_VERSION}; "
            "upgrade edge-router or move the file away"
        )
    return version


@contextmanager
def open_for_reading(path: Path, wait_s: float) -> Iterator[sqlite3.Connection]:
    """The file as it is, also where nothing can be written. Raises sqlite3.Error, OSError,
    LearningError."""
    require_regular(path.stat().st_mode)
    with closing(_read_only(path, wait_s)) as connection:
        yield connection


def _read_only(path: Path, wait_s: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=wait_s)
    try:
        version_of(connection, path)
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        if code_of(error) not in (*NO_ROOM, sqlite3.SQLITE_READONLY):
            raise
        # No room for the index that SQLite keeps beside the file, so nobody can be writing either.
        _warn_of_unmerged(path)
        return sqlite3.connect(f"{address}&immutable=1", uri=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _warn_of_unmerged(path: Path) -> None:
    beside = path.with_name(f"{path.name}-wal")
    if beside.exists() and beside.stat().st_size:
        log.warning("the last answers are not shown: %s cannot be merged on this disk", beside)


def numbered_outcomes(connection: sqlite3.Connection, path: Path) -> list[tuple[int, Outcome]]:
    """All rows, the oldest first, with their numbers, none of which is used twice.

    Raises one of FAULTS, LearningError.
    """
    version = version_of(connection, path)
    if version == 0:
        return []
    found = connection.execute(selection(COLUMNS, version, numbered=True))
    return [(number, _outcome(row)) for number, *row in found]


def selection(columns: Sequence[str], version: int, *, numbered: bool = False) -> str:
    """The query for some columns of all rows, the oldest first, of a file of that version;
    `numbered` puts the number of each row in front."""
    stated = [name if version >= ADDED.get(name, (1,))[0] else ADDED[name][1] for name in columns]
    first = ["number"] if numbered else []
    return f"SELECT {', '.join([*first, *stated])} FROM outcomes ORDER BY number"  # noqa: S608


def count_rows(connection: sqlite3.Connection, path: Path) -> int:
    """How many rows there are. Raises sqlite3.Error, LearningError."""
    if version_of(connection, path) == 0:
        return 0
    return int(connection.execute("SELECT count(*) FROM outcomes").fetchone()[0])


def insert(connection: sqlite3.Connection, values: list[Any], max_rows: int) -> None:
    """Add a row as `values_of` makes it; the oldest beyond `max_rows` go. Raises sqlite3.Error."""
    number = connection.execute(INSERT, values).lastrowid or 0
    connection.execute("DELETE FROM outcomes WHERE number <= ?", (number - max_rows,))


def empty(connection: sqlite3.Connection, path: Path, until: float) -> None:
    """Forget every row, on the disk too. Raises sqlite3.Error, also where there is no room for
    that, and LearningError where somebody else still reads the old ones."""
    with transaction(connection, until):
        connection.execute("DELETE FROM outcomes")
    connection.execute("VACUUM")  # or the texts of older versions would stay in free pages
    (held, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if held:
        raise LearningError(
            f"{path} is empty now, but another process still reads the old rows, and they stay in "
            f"{path.name}-wal; end it and clear again"
        )


def values_of(outcome: Outcome) -> list[Any]:
    """What the columns hold. Raises ValueError for what SQLite cannot."""
    values: dict[str, Any] = {name: getattr(outcome, name) for name in COLUMNS}
    values["vector"] = vector_bytes(outcome.vector)
    values["estimates"] = json.dumps(estimate_numbers(outcome.estimates))
    for name, value in values.items():
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, int) and not -LARGEST <= value < LARGEST:
            raise ValueError(f"{name} is too large")
    return list(values.values())


def vector_bytes(vector: Float32s) -> bytes:
    """A representation as a log has it, in float16."""
    return vector.astype("<f2").tobytes()


def vector_of(content: bytes) -> Float32s:
    """The inverse of `vector_bytes`; the numbers may be any, infinite ones too."""
    return np.frombuffer(content, dtype="<f2").astype(np.float32)


def estimate_numbers(estimates: Mapping[str, Estimate]) -> dict[str, list[float | None]]:
    """What was ESTIMATED of each expert, as a log has it and `checked` takes it."""
    return {
        one.name: [one.quality, one.cost_usd, one.latency_s, one.output_tokens]
        for one in estimates.values()
    }


def _outcome(row: Sequence[Any]) -> Outcome:
    """Raises ValueError, TypeError or AttributeError for what we never wrote."""
    fields = dict(zip(COLUMNS, row, strict=True))
    return checked(fields, json.loads(fields["estimates"]))


def checked(fields: dict[str, Any], estimates: Mapping[str, Any]) -> Outcome:
    """The outcome of these fields, `vector` as bytes, and estimates as lists of numbers by expert.

    Raises one of FAULTS for what `values_of` never makes.
    """
    for name in TEXTS:
        _require(isinstance(fields[name], str), name, fields[name])
    for name in TEXTS_OR_NONE:
        _require(fields[name] is None or isinstance(fields[name], str), name, fields[name])
    for name in NUMBERS:
        fields[name] = _number(fields[name], name)
    for name in (*NUMBERS_OR_NONE, *COUNTS_OR_NONE):
        if fields[name] is not None:
            number = _number(fields[name], name)
            fields[name] = int(number) if name in COUNTS_OR_NONE else number
    fields["characters"] = int(_number(fields["characters"], "characters"))
    _require(fields["ended"] in ENDINGS, "ended", fields["ended"])
    fields["vector"] = vector_of(fields["vector"])
    _require(bool(np.isfinite(fields["vector"]).all()), "vector", "what is no number")
    fields["estimates"] = {name: _estimate(name, numbers) for name, numbers in estimates.items()}
    _require(fields["answered_by"] in fields["estimates"], "answered_by", fields["answered_by"])
    return Outcome(**fields)


def _estimate(name: str, numbers: Any) -> Estimate:
    quality, cost, latency, tokens = numbers
    return Estimate(
        name,
        _number(quality, "quality"),
        None if cost is None else _number(cost, "cost"),
        _number(latency, "latency"),
        _number(tokens, "tokens"),
    )


def _number(value: Any, name: str) -> float:
    if type(value) is float and math.isfinite(value):
        return value  # nearly always
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _require(fits, name, value)
    return float(value)


def _require(fits: bool, name: str, value: Any) -> None:
    if not fits:
        raise ValueError(f"{name} is {value!r:.60}")
