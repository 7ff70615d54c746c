"""Sets up an evaluation from names of contenders, tables and experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import Pricing

from ..data.outcome_set import outcome_set
from ..data.rows import BadData
from ..data.splits import Splitting, resplit, some_rows
from ..recipe import Recipe
from ..routers import DEFAULT, ROUTERS, FineTuning
from ..training.embedding import embed_cached
from . import (
    ArtifactContender,
    Contender,
    Evaluation,
    RouterContender,
    Tables,
    evaluate,
    measure,
    research_contenders,
)
from .run import Each
from .tasks.pools import known_together
from .tasks.tables import Lesson

__all__ = ["Comparison", "compare"]

Pair = tuple[str, str, str]  # table, weak, strong

RESEARCH = "research"
CROWD = 9  # experts; fewer make neither pools nor a scaling curve


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to compare on what.

    `contenders` are shipped artifacts or directories, research routers by name, or "research" for
    all of those. `pairs` name table, weak and strong expert; none means the recipe's. With
    `pool_sizes` there are RouterEval's pools and scaling curves of the tables with many experts,
    and only the pairs that are named. `tables` are the tables to use, all that are at hand without
    them, at most `rows` of each. `references` and `teach` are as `Tables` has them, `splitting` is
    as `splits.resplit`, `tuning` as `FineTuning` has it.
    """

    contenders: Sequence[str]
    pairs: Sequence[Pair] = ()
    pool_sizes: Sequence[int] = ()
    tables: Sequence[str] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    teach: Lesson = "score"
    splitting: Splitting = "rows"
    rows: int | None = None
    tuning: FineTuning = DEFAULT
    seed: int = 0
    repeats: int = 1000


def compare(
    comparison: Comparison,
    recipe: Recipe,
    rows: Mapping[str, Sequence[Row]],
    *,
    work: Path,
    prices: Mapping[str, Pricing] | None = None,
    each: Each = map,
) -> Evaluation:
    """Evaluate on outcome rows by table; raises BadData. Predictions are kept in `work`."""
    contenders = [c for name in comparison.contenders for c in _contenders(name, comparison)]
    _refuse_learned_split(contenders, comparison.splitting)
    if comparison.tables:
        rows = _only(set(comparison.tables), rows)
    pairs, crowded = _asked_for(comparison, recipe, rows)
    _only(set(comparison.references), rows)
    rows = _rows_of(comparison, pairs, crowded, rows)
    outcomes = outcome_set(rows, recipe.max_chars)
    looks = any(isinstance(contender, RouterContender) for contender in contenders)
    tables = Tables(
        outcomes,
        embed_cached(outcomes.texts, recipe.base, work) if looks else None,
        measure(outcomes, rows, prices),
        comparison.references,
        comparison.teach,
    )
    tasks = [
        tables.pair(table, weak, strong, name=f"{table}: {weak} > {strong}")
        for table, weak, strong in pairs
    ]
    pools = [task for table in crowded for task in tables.pools(table, comparison.pool_sizes)]
    return evaluate(
        contenders,
        [*tasks, *pools],
        work=work,
        seed=comparison.seed,
        repeats=comparison.repeats,
        scaling=[tables.scaling(table, seed=comparison.seed) for table in crowded],
        each=each,
    )


def _asked_for(
    comparison: Comparison, recipe: Recipe, rows: Mapping[str, Sequence[Row]]
) -> tuple[Sequence[Pair], list[str]]:
    """The pairs to evaluate, and the tables with enough experts for pools, if pools are wanted."""
    if not comparison.pool_sizes:
        return comparison.pairs or _pairs(recipe, rows), []
    crowded = [table for table in rows if _crowd(rows[table])]
    if not crowded:
        raise BadData(f"no table of {', '.join(rows)} has {CROWD} experts to make pools of")
    return comparison.pairs, crowded


def _rows_of(
    comparison: Comparison,
    pairs: Sequence[Pair],
    crowded: Sequence[str],
    rows: Mapping[str, Sequence[Row]],
) -> Mapping[str, Sequence[Row]]:
    """The rows of the tables that are needed, as many as wanted, split as wanted."""
    paired = {table for table, _, _ in pairs}
    kept = {
        name: some_rows(part if name in paired else _comparable(part), comparison.rows)
        for name, part in _only(paired.union(crowded), rows).items()
    }
    return resplit(kept, comparison.splitting)


def _only(names: set[str], rows: Mapping[str, Sequence[Row]]) -> dict[str, Sequence[Row]]:
    if unknown := sorted(names - rows.keys()):
        raise BadData(f"no table {unknown[0]!r}; there are {', '.join(rows)}")
    return {name: table_rows for name, table_rows in rows.items() if name in names}


def _pairs(recipe: Recipe, rows: Mapping[str, Sequence[Row]]) -> list[Pair]:
    """The recipe's pairs of the tables at hand."""
    pairs = [
        (table, weak, strong) for table, (weak, strong) in recipe.pairs.items() if table in rows
    ]
    if not pairs:
        raise BadData(f"the recipe has no pair for {', '.join(rows)}; name one with --pair")
    return pairs


def _contenders(name: str, comparison: Comparison) -> list[Contender]:
    """All routers of the field for "research", else one of them, or an artifact."""
    if name == RESEARCH:
        return research_contenders(tuning=comparison.tuning)
    if name in ROUTERS:
        return research_contenders([name], comparison.tuning)
    return [ArtifactContender.of(RouterArtifact.load(name))]


def _refuse_learned_split(contenders: Sequence[Contender], splitting: Splitting) -> None:
    """An artifact was trained on the rows' own train split, which another one would test on."""
    learned = [one.name for one in contenders if isinstance(one, ArtifactContender)]
    if learned and splitting != "rows":
        raise BadData(
            f"{learned[0]} has learned from the rows' own split; with the split {splitting} its "
            "test rows would be among those; leave either out"
        )


def _comparable(rows: Sequence[Row]) -> list[Row]:
    """The rows of a table on which the experts of its pools are all known."""
    experts = sorted({expert for row in rows for expert in row["score"]})
    known = np.array([[expert in row["score"] for expert in experts] for row in rows])
    together = known[:, known_together(known)].all(axis=1)
    return [rows[number] for number in np.flatnonzero(together).tolist()]


def _crowd(rows: Sequence[Row]) -> bool:
    return len({expert for row in rows for expert in row["score"]}) >= CROWD
