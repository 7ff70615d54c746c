"""Rows of outcome tables by split: the ones measured on, and those a baseline may be fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ...data.rows import read_rows

__all__ = ["RATED_TABLES", "SplitRows", "knowing"]

RATED_TABLES = ("everyday_rated", "everyday_rated_more")


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Tables of `folder`/outcomes, each read once.

    Every row of a table in `unseen`, on which the artifact was never trained, is measured on.
    """

    folder: Path
    split: str
    unseen: frozenset[str] = frozenset()
    _read: dict[str, list[Row]] = field(default_factory=dict, repr=False)

    def measured(self, table: str, kind: str = "open") -> list[Row]:
        """Rows of the split. Raises BadRow, NoSuchFile."""
        return self.measured_of(table, self._rows(table, kind))

    def measured_of(self, table: str, rows: Sequence[Row]) -> list[Row]:
        """The rows of the split among all rows of a table."""
        return [row for row in rows if table in self.unseen or row["split"] == self.split]

    def train(self, table: str, kind: str = "open") -> list[Row]:
        """Rows to fit a baseline on; none of a table that is measured as a whole."""
        rows = self._rows(table, kind)
        return [] if table in self.unseen else [r for r in rows if r["split"] == "train"]

    def _rows(self, table: str, kind: str) -> list[Row]:
        place = f"{kind}/{table}"
        if place not in self._read:
            path = self.folder / "outcomes" / f"{place}.jsonl.gz"
            self._read[place] = list(read_rows(path))
        return self._read[place]


def knowing(rows: Iterable[Row], *experts: str) -> list[Row]:
    """The rows in which every one of `experts` has a score."""
    return [row for row in rows if row["score"].keys() >= {*experts}]
