"""Makes tasks from outcome tables: named pairs of experts, and pools chosen by their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s, Places

from ...data.outcome_set import OutcomeSet
from ...data.rows import SPLITS, BadData
from ...routers.base import Pool, Queries
from .measurements import Measurements
from .pools import KNOWN_SHARE, Scaling, best_pool, candidates, known_together, options, scaling
from .task import Kind, Task

__all__ = ["Tables"]


@dataclass(frozen=True, slots=True)
class Tables:
    """Outcome tables from which tasks are made.

    `embeddings` (queries of `outcomes`, width) is what research routers look at; without them the
    width is 0. `measured` has the shape of `outcomes.scores`.
    """

    outcomes: OutcomeSet
    embeddings: npt.NDArray[np.floating] | None = None
    measured: Measurements | None = None

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

    def pools(self, table: str, sizes: Sequence[int] = (3, 5)) -> list[Task]:
        """RouterEval's pools of a table (section 4.2); none where it has too few experts.

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
        best = self._best(rows)
        pools = {split: self._pool(part, columns) for split, part in rows_of.items()}
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

    def _best(self, rows: Places) -> int:
        """The best expert by its train rows, of those known on half of the table's rows or more."""
        scores = self._scores(rows)
        known = ~np.isnan(scores)
        often = known.mean(axis=0) >= min(KNOWN_SHARE, known.mean(axis=0).max())
        train = self.outcomes.splits[rows] == "train"
        total = np.where(known & often, scores, 0.0)[train].sum(axis=0)
        return int(np.argmax(total / np.maximum(1, known[train].sum(axis=0))))

    def _pool(self, rows: Places, columns: Places) -> Pool:
        outcomes = self.outcomes
        width = np.zeros((len(rows), 0)) if self.embeddings is None else self.embeddings[rows]
        queries = Queries(
            texts=tuple(outcomes.texts[row] for row in rows.tolist()),
            kinds=outcomes.kinds[rows],
            characters=outcomes.characters[rows],
            embeddings=width.astype(np.float64),
        )
        experts = tuple(outcomes.experts[column] for column in columns.tolist())
        return Pool(queries, experts, self._scores(rows)[:, columns])
