"""What this device has seen and how good the answers were: an SQLite file, bounded, 0600.

Only an EdgeRouter with the setting `learn` writes one. Order is that of arrival (SQLite's rowid
never goes back), whatever the clock does.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from .encoder import FloatArray
from .errors import LearningError
from .experts import Estimate
from .exploration import rival_of

if TYPE_CHECKING:
    from .telemetry import AnswerRecord

__all__ = ["FILE", "MAX_ROWS", "Outcome", "OutcomeLog", "require_dim"]

log = logging.getLogger("edge_router")
T = TypeVar("T")

FILE = "outcomes.sqlite3"
MAX_ROWS = 10_000  # about 8 MB
SCHEMA_VERSION = 1
WAIT_S = 0.25  # for another process that is writing; an answer is not held up for longer
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answered query.

    `expert` was asked with probability `propensity`, else `rival` would have been (None where
    there was no choice); `answered_by` differs from `expert` after a fallback or a hand-over, and
    the score is of what was then shown. `vector`
    (representation_dim,), `log_tokens`, `characters` and `script` are of the query, `artifact` is
    the hash of the router that read it. Costs in dollars, times in seconds, `time` since 1970 by
    this device's clock. `prompt` only with the setting `learn_prompts`. `score` 0..1, None as long
    as nobody has told it.
    """

    id: str
    time: float
    artifact: str
    vector: FloatArray
    log_tokens: float
    characters: int
    script: str
    estimates: Mapping[str, Estimate]
    expert: str
    rival: str | None
    answered_by: str
    propensity: float
    gain: float
    min_gain: float
    cost_usd: float | None
    first_token_s: float
    total_s: float
    input_tokens: int | None
    output_tokens: int | None
    prompt: str | None
    score: float | None = None

    @classmethod
    def of(cls, record: AnswerRecord, *, time: float, prompt: str | None) -> Self | None:
        """None for a decision that no router made."""
        decision, usage = record.decision, record.usage
        if decision.grounds is None or (query := decision.grounds.query) is None:
            return None
        return cls(
            id=record.id,
            time=time,
            artifact=query.artifact.hash,
            vector=query.representation.vector,
            log_tokens=query.representation.log_tokens,
            characters=query.characters,
            script=query.script,
            estimates=decision.estimates,
            expert=decision.expert,
            rival=rival_of(decision) if decision.propensity < 1 else None,
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
        )


COLUMNS = tuple(field.name for field in fields(Outcome))
NUMBERS = ("time", "log_tokens", "propensity", "gain", "min_gain", "first_token_s", "total_s")
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS outcomes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(COLUMNS)}, UNIQUE (id)
);
PRAGMA user_version = {SCHEMA_VERSION};
"""
INSERT = f"INSERT INTO outcomes ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
SELECT = f"SELECT {', '.join(COLUMNS)} FROM outcomes ORDER BY number"  # noqa: S608


class OutcomeLog:
    """The file at `path`, which is made at the first append. Thread-safe; several processes may
    write. Of more than `max_rows` rows the oldest go.

    `append` and `score` never raise over the file: where it cannot be written, learning stops for
    the life of this object and one warning says so. A corrupt file is moved aside, and a new one
    begun. `rows` and `clear`, which a user asks for, raise LearningError.
    """

    def __init__(
        self, path: Path, *, max_rows: int = MAX_ROWS, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._max_rows = max_rows
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether it could not be written, so that nothing is kept any more."""
        return self._stopped

    def append(self, record: AnswerRecord, *, prompt: str | None = None) -> bool:
        """Keep what happened; False where it was not kept."""
        outcome = Outcome.of(record, time=self._clock(), prompt=prompt)
        if outcome is None:
            return False
        return bool(self._write(lambda connection: self._insert(connection, outcome)))

    def score(self, id: str, score: float) -> bool:  # noqa: A002
        """Tell how good an answer was, 0..1; False where the log has no such answer (any more)."""
        update = "UPDATE outcomes SET score = ? WHERE id = ?"
        return bool(
            self._write(lambda connection: connection.execute(update, (score, id)).rowcount)
        )

    def rows(self) -> list[Outcome]:
        """All, the oldest first; none where there is no file. Raises LearningError."""
        if not self.path.exists():
            return []
        return self._read(lambda connection: list(map(_outcome, connection.execute(SELECT))))

    def clear(self) -> int:
        """Forget everything, on the disk too; how many rows that were. Raises LearningError."""
        if not self.path.exists():
            return 0
        return self._read(_cleared)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._close()

    def _insert(self, connection: sqlite3.Connection, outcome: Outcome) -> bool:
        number = connection.execute(INSERT, _values(outcome)).lastrowid or 0
        connection.execute("DELETE FROM outcomes WHERE number <= ?", (number - self._max_rows,))
        return True

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        with self._lock:
            for _ in range(2):
                if self._stopped:
                    return None
                try:
                    self._connection = self._connection or _connected(self.path)
                    with self._connection:
                        return work(self._connection)
                except (sqlite3.Error, OSError, LearningError) as error:
                    if _code(error) in BUSY:
                        return None  # this one is lost, the next may not be
                    self._recover(error)
            return None

    def _recover(self, error: Exception) -> None:
        """Move a corrupt file aside; stop over anything else."""
        self._close()
        if _code(error) in CORRUPT:
            with suppress(OSError):
                log.warning("%s is corrupt; it is kept as %s", self.path, _set_aside(self.path))
                return
        self._stopped = True
        log.warning("nothing is learned from now on: %s: %s", self.path, error)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(_connected(self.path)) as connection:
                return work(connection)
        except (sqlite3.Error, OSError, ValueError, TypeError, AttributeError) as error:
            raise LearningError(
                f"{self.path} cannot be read: {error}; move it away to begin a new one"
            ) from error

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def require_dim(rows: Sequence[Outcome], dim: int) -> None:
    """Raises LearningError for a representation that has not `dim` numbers."""
    for row in rows:
        if len(row.vector) != dim:
            raise LearningError(
                f"answer {row.id!r} is logged with {len(row.vector)} numbers, the router has {dim};"
                " the log is damaged: begin a new one with edge-router log clear"
            )


def _connected(path: Path) -> sqlite3.Connection:
    """An open file with our table in it. Raises sqlite3.Error, OSError, LearningError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its own files this mode
    connection = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last rows only
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    elif version != SCHEMA_VERSION:
        raise LearningError(
            f"{path} has schema version {version}, this Edge Router writes {SCHEMA_VERSION}; "
            "upgrade edge-router or move the file away"
        )


def _cleared(connection: sqlite3.Connection) -> int:
    with connection:
        count = connection.execute("DELETE FROM outcomes").rowcount
    connection.execute("VACUUM")  # or the texts would stay in free pages
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _set_aside(path: Path) -> Path:
    """Rename the file and what SQLite keeps beside it; nothing is deleted. Raises OSError."""
    number = 1
    while (new := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    for ending in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(new.with_name(new.name + ending))
    return new


def _code(error: Exception) -> int | None:
    """SQLite's primary result code."""
    found: int | None = getattr(error, "sqlite_errorcode", None)
    return None if found is None else found & 0xFF


def _values(outcome: Outcome) -> list[Any]:
    found: dict[str, Any] = {name: getattr(outcome, name) for name in COLUMNS}
    found["vector"] = outcome.vector.astype("<f2").tobytes()
    found["estimates"] = json.dumps(
        {
            e.name: [e.quality, e.cost_usd, e.latency_s, e.output_tokens]
            for e in found["estimates"].values()
        }
    )
    return list(found.values())


def _outcome(row: tuple[Any, ...]) -> Outcome:
    """Raises ValueError, TypeError or AttributeError for what we never wrote: SQLite takes all."""
    found = dict(zip(COLUMNS, row, strict=True))
    for name in NUMBERS:
        found[name] = float(found[name])
    found["score"] = None if found["score"] is None else float(found["score"])
    found["vector"] = np.frombuffer(found["vector"], dtype="<f2").astype(np.float32)
    found["estimates"] = {
        name: Estimate(name, *numbers) for name, numbers in json.loads(found["estimates"]).items()
    }
    return Outcome(**found)
