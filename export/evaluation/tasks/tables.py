"""Makes tasks from outcome tables: named pairs of experts, and pools chosen by their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s, Places

from ...data.outcome_set import OutcomeSet
from ...data.rows import SPLITS, BadData
from ...routers.base import Pool, Queries
from .measurements import Measurements
from .pools import (
    KNOWN_SHARE,
    POOL_SIZES,
    Scaling,
    best_pool,
    candidates,
    known_together,
    options,
    scaling,
)
from .task import Kind, Task

__all__ = ["Lesson", "Tables"]

Lesson = Literal["score", "similarity"]


@dataclass(frozen=True, slots=True)
class Tables:
    """Outcome tables from which tasks are made.

    `embeddings` (queries of `outcomes`, width) is what research routers look at; without them the
    width is 0. `measured` has the shape of `outcomes.scores`. `references` names the expert of a
    table that V_R compares with; a table without one has its best expert by the train rows.
    `teach` says what the train and dev rows teach: the scores, or TO-Router's similarity to the
    reference answer, below 0 taken as 0.
    """

    outcomes: OutcomeSet
    embeddings: npt.NDArray[np.floating] | None = None
    measured: Measurements | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    teach: Lesson = "score"

    def pair(self, table: str, weak: str, strong: str, *, name: str | None = None) -> Task:
        """The task to choose between two experts, called like the table unless it has a `name`.

        Raises BadData naming the table and the fix.
        """
        rows = self._rows(table)
        if weak == strong:
            raise BadData(f"table {table!r}: the pair has one expert, {weak!r}; name two")
        known = self._known(rows)
        for expert in (weak, strong):
            if expert not in known:
                raise BadData(
                    f"table {table!r} does not know the expert {expert!r}; use two of "
                    f"{', '.join(known)}"
                )
        return self._task(name or table, table, "pair", (weak, strong))

    def pairs(self, pairs: Mapping[str, Sequence[str]]) -> list[Task]:
        """`pair` for each table's (weak, strong)."""
        return [self.pair(table, weak, strong) for table, (weak, strong) in pairs.items()]

    def pools(self, table: str, sizes: Sequence[int] = POOL_SIZES) -> list[Task]:
        """RouterEval's pools of a table (section 4.2), of the `sizes` that it has experts for.

        A pool is chosen to maximise its oracle on the train rows that know all candidates.
        """
        rows = self._rows(table)
        scores = self._scores(rows)
        ranked = candidates(scores, self.outcomes.splits[rows] == "train")
        train = self.outcomes.splits[rows] == "train"
        train &= ~np.isnan(scores[:, ranked]).any(axis=1)
        return [
            self._task(f"{table}/{kind}/{size}", table, kind, self._named(ranked, pool))
            for size in sizes
            for kind, places in options(ranked, size).items()
            for pool in [best_pool(scores[train], places)]
        ]

    def scaling(self, table: str, *, seed: int = 0) -> Scaling:
        """The model-level scaling of a table, on the rows of all splits that know its experts."""
        scores = self._scores(self._rows(table))
        scores = scores[:, known_together(~np.isnan(scores))]
        return scaling(table, scores[~np.isnan(scores).any(axis=1)], seed=seed)

    def _named(self, ranked: Places, pool: Places) -> tuple[str, ...]:
        """The pool's experts by name, from the weakest to the strongest."""
        return tuple(self.outcomes.experts[e] for e in ranked.tolist() if e in set(pool.tolist()))

    def _rows(self, table: str) -> Places:
        rows = np.flatnonzero(self.outcomes.tables == table)
        if not len(rows):
            tables = ", ".join(sorted(set(self.outcomes.tables.tolist())))
            raise BadData(f"the table {table!r} has no rows; use one of {tables or 'none'}")
        if len(known := self._known(rows)) < 2:
            raise BadData(
                f"table {table!r} has one expert to choose from, {', '.join(known)}; a router "
                "needs two or more"
            )
        return rows

    def _known(self, rows: Places) -> list[str]:
        """The experts with any outcome on these rows."""
        known = ~np.isnan(self.outcomes.scores[rows]).all(axis=0)
        return [self.outcomes.experts[number] for number in np.flatnonzero(known).tolist()]

    def _scores(self, rows: Places) -> Float64s:
        return self.outcomes.scores[rows].astype(np.float64)

    def _task(self, name: str, table: str, kind: Kind, experts: tuple[str, ...]) -> Task:
        rows = self._rows(table)
        columns = np.array([self.outcomes.experts.index(expert) for expert in experts])
        scores = self._scores(rows)
        rows_of = {
            split: rows[(self.outcomes.splits[rows] == split) & known]
            for known in [~np.isnan(scores[:, columns]).any(axis=1)]
            for split in SPLITS
        }
        best = self._reference(table, rows)
        pools = {split: self._pool(part, columns, split) for split, part in rows_of.items()}
        test = rows_of["test"]
        return Task(
            name=name,
            table=table,
            kind=kind,
            **pools,
            langs=self.outcomes.langs[test],
            reference=self.outcomes.experts[best],
            reference_scores=self._scores(test)[:, best],
            measured=self.measured.at(test, columns) if self.measured else None,
        )

    def _reference(self, table: str, rows: Places) -> int:
        if table not in self.references:
            return self._best(rows)
        name, known = self.references[table], self._known(rows)
        if name not in known:
            raise BadData(
                f"table {table!r} does not know the reference {name!r}; use one of "
                f"{', '.join(known)}"
            )
        return self.outcomes.experts.index(name)

    def _best(self, rows: Places) -> int:
        """The best expert by its train rows, of those known on half of the table's rows or more."""
        scores = self._scores(rows)
        known = ~np.isnan(scores)
        often = known.mean(axis=0) >= min(KNOWN_SHARE, known.mean(axis=0).max())
        train = self.outcomes.splits[rows] == "train"
        total = np.where(known & often, scores, 0.0)[train].sum(axis=0)
        return int(np.argmax(total / np.maximum(1, known[train].sum(axis=0))))

    def _pool(self, rows: Places, columns: Places, split: str) -> Pool:
        outcomes = self.outcomes
        width = np.zeros((len(rows), 0)) if self.embeddings is None else self.embeddings[rows]
        queries = Queries(
            texts=tuple(outcomes.texts[row] for row in rows.tolist()),
            kinds=outcomes.kinds[rows],
            characters=outcomes.characters[rows],
            embeddings=width.astype(np.float64),
        )
        experts = tuple(outcomes.experts[column] for column in columns.tolist())
        if self.teach == "similarity" and split != "test":
            return Pool(queries, experts, self._similarity(rows, columns, experts))
        return Pool(queries, experts, self._scores(rows)[:, columns])

    def _similarity(self, rows: Places, columns: Places, experts: Sequence[str]) -> Float64s:
        """(rows, experts), 0..1. Raises BadData where one is not known."""
        if self.measured is None:
            raise BadData("no similarity was measured; collect answers with references first")
        known = self.measured.at(rows, columns).similarity
        gaps = np.isnan(known).any(axis=0)
        if gaps.any():
            raise BadData(
                f"the similarity of some answers of {experts[int(gaps.argmax())]!r} is not known; "
                "collect them with references, or teach the score"
            )
        return np.clip(known, 0.0, 1.0)
