"""Reads the merged table of a fleet: one router's outcomes, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Any
from zlib import crc32

from edge_router.errors import LearningError
from edge_router.guards.bounded_file import refuse_missing, require_regular
from edge_router.guards.stored_json import text

from ..outcomes import table
from ..outcomes.outcome import Outcome
from .parquet import VERSION, VERSION_KEY, import_pyarrow
from .shared_row import NOT_SHARED, SHARED, require_in_range

__all__ = ["MergedTable"]

BATCH = 4_096
SHORT = 12  # digits of a hash that tell routers apart


class MergedTable:
    """The file at `path`, as `edge-router export merge` writes it.

    Raises MissingExtra without pyarrow, and LearningError for a file that is none of these.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pyarrow = import_pyarrow()
        with self._refusing():
            refuse_missing(path)
            require_regular(path.stat().st_mode)
            self._file = self._pyarrow.parquet.ParquetFile(path, memory_map=False)
            stated = (self._file.schema_arrow.metadata or {}).get(VERSION_KEY)
        if stated != str(VERSION).encode():
            raise LearningError(
                f"{path} is no table of edge-router export merge"
                if stated is None
                else f"{path} has version {stated.decode(errors='replace')}, this Edge Router "
                f"reads {VERSION}; merge the logs again"
            )

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def artifacts(self) -> Mapping[str, int]:
        """How many rows each router has read, by its hash."""
        counts: Counter[str] = Counter()
        for batch in self._batches(["artifact"]):
            names = batch.column(0).to_pylist()
            with self._refusing():
                counts.update(text(name, "artifact") for name in names)
        return counts

    def require_router(self, artifact: str) -> None:
        """Raises LearningError, which names them, where other routers than `artifact` have read
        any of the queries: their representations mean other things."""
        counts = self.artifacts()
        if len(counts) > 1:
            listed = " and ".join(
                f"{name[:SHORT]} ({n:,} rows)" for name, n in sorted(counts.items())
            )
            raise LearningError(
                f"{self.path} mixes the outcomes of {len(counts)} routers, {listed}; merge those "
                f"of one: edge-router export merge LOG... --artifact {artifact[:SHORT]} --out FILE"
            )
        if counts and artifact not in counts:
            (other,) = counts
            raise LearningError(
                f"{self.path} holds the outcomes of the router {other[:SHORT]}, and the settings "
                f"have {artifact[:SHORT]}; use that router, or logs of this one"
            )

    def rows(self) -> Iterator[Outcome]:
        """All outcomes; no more than a batch of them is in memory. Raises LearningError."""
        for batch in self._batches(list(SHARED)):
            with self._refusing():
                yield from _outcomes(batch)

    def some_answers_of(self, expert: str, most: int) -> list[Outcome]:
        """At most `most` scored answers of `expert` that it was asked for first, drawn by a hash
        of their ids: the same ones each time.

        What it answered after another one's failure or hand-over is left out: such queries are
        harder than their representation tells.

        Raises LearningError where there is none, naming the experts that there are.
        """
        drawn: list[tuple[int, int, Outcome]] = []
        names: set[str] = set()
        for number, row in enumerate(self.rows()):
            names.add(row.answered_by)
            if not _is_own_answer(row, expert):
                continue
            one = (-crc32(row.id.encode()), number, row)
            (heappush if len(drawn) < most else heappushpop)(drawn, one)
        if not drawn:
            raise LearningError(
                f"{self.path} holds no scored answer of {expert!r} that it was asked for first; "
                f"there answer {', '.join(sorted(names)[:20])}: say which with --expert"
            )
        return [row for _, _, row in sorted(drawn, key=lambda one: one[1])]

    def _batches(self, columns: list[str]) -> Iterator[Any]:
        with self._refusing():
            yield from self._file.iter_batches(BATCH, columns=columns)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (*table.FAULTS, self._pyarrow.ArrowException) as error:
            if isinstance(error, LearningError):
                raise
            if isinstance(error, FileNotFoundError):
                raise LearningError(str(error)) from None
            why = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise LearningError(
                f"{self.path} cannot be read as a merged table: {why:.300}; merge the logs again"
            ) from None


def _is_own_answer(row: Outcome, expert: str) -> bool:
    own = row.expert == row.answered_by == expert
    return own and row.score is not None and row.ended != "broken"


def _outcomes(batch: Any) -> Iterator[Outcome]:
    """Rows as the log has them, from columns."""
    values = batch.to_pydict()
    for number in range(batch.num_rows):
        fields = NOT_SHARED | {name: column[number] for name, column in values.items()}
        estimates = {
            one["expert"]: [one[name] for name in table.ESTIMATED] for one in fields["estimates"]
        }
        outcome = table.checked(fields, estimates)
        require_in_range(outcome)
        yield outcome
