"""Sets up an evaluation from names of contenders, tables and experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import Pricing

from ..data.outcome_set import outcome_set
from ..data.rows import BadData
from ..recipe import Recipe
from ..routers import ROUTERS
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

__all__ = ["Comparison", "compare"]

Pair = tuple[str, str, str]  # table, weak, strong

RESEARCH = "research"
CROWD = 9  # experts; fewer make neither pools nor a scaling curve


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to compare on what.

    `contenders` are shipped artifacts or directories, research routers by name, or "research" for
    all of those. `pairs` name table, weak and strong expert; none means the recipe's. With `pools`,
    tables with many experts also give RouterEval's pools and scaling plot.
    """

    contenders: Sequence[str]
    pairs: Sequence[Pair]
    pools: bool
    seed: int
    repeats: int


def compare(
    comparison: Comparison,
    recipe: Recipe,
    rows: Mapping[str, Sequence[Row]],
    *,
    work: Path,
    prices: Mapping[str, Pricing] | None = None,
) -> Evaluation:
    """Evaluate on outcome rows by table; raises BadData. Predictions are kept in `work`."""
    pairs = comparison.pairs or _pairs(recipe, rows)
    if not comparison.pools:
        rows = _only({table for table, _, _ in pairs}, rows)
    outcomes = outcome_set(rows, recipe.max_chars)
    contenders = [c for name in comparison.contenders for c in _contenders(name)]
    looks = any(isinstance(contender, RouterContender) for contender in contenders)
    tables = Tables(
        outcomes,
        embed_cached(outcomes.texts, recipe.base, work) if looks else None,
        measure(outcomes, rows, prices),
    )
    tasks = [
        tables.pair(table, weak, strong, name=f"{table}: {weak} > {strong}")
        for table, weak, strong in pairs
    ]
    crowded = [table for table in rows if comparison.pools and _crowd(rows[table])]
    return evaluate(
        contenders,
        [*tasks, *(task for table in crowded for task in tables.pools(table))],
        work=work,
        seed=comparison.seed,
        repeats=comparison.repeats,
        scaling=[tables.scaling(table, seed=comparison.seed) for table in crowded],
    )


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


def _contenders(name: str) -> list[Contender]:
    """All routers of the field for "research", else one of them, or an artifact."""
    if name == RESEARCH:
        return research_contenders()
    if name in ROUTERS:
        return research_contenders([name])
    return [ArtifactContender.of(RouterArtifact.load(name))]


def _crowd(rows: Sequence[Row]) -> bool:
    return len({expert for row in rows for expert in row["score"]}) >= CROWD
