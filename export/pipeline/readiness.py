"""What a recipe leaves to the outcomes, and what both lack, before the first training step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from edge_router.errors import MissingExtra
from edge_router.routing.arrays import Bools
from edge_router.routing.experts.expert import PROFILES

from ..data.outcome_set import OutcomeSet
from ..data.packaged import model_file
from ..data.rows import SPLITS, BadData
from ..recipe import Recipe

__all__ = ["completed", "require_ready", "require_tools"]

TOOLS = ("torch", "transformers", "optimum.onnxruntime", "onnx")
PROBE_TOOLS = ("gguf", "accelerate")  # with which transformers reads a GGUF file
LEAST_QUERIES = 20  # of a pair in dev and test: fewer measure nothing
LIKE = ("3b", "frontier")  # the sizes that a weak and a strong expert of one's own are taken for


def require_tools(recipe: Recipe) -> None:
    """Raises MissingExtra for a tool that a later step would miss, FileNotFoundError for the base
    model's weights and those of a probe's."""
    for tool in (*TOOLS, *(PROBE_TOOLS if recipe.probes else ())):
        if not _installed(tool):
            raise MissingExtra(f"the export toolchain ({tool})", "export")
    _ = recipe.base
    for plan in recipe.probes.values():
        model_file(plan.package)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it lies in
        return False


def completed(recipe: Recipe, outcomes: OutcomeSet) -> Recipe:
    """With the worst and the best expert of each table as `pairs` where the recipe states none, and
    those of the first table as `profiles` where it states none."""
    pairs = dict(recipe.pairs) or {
        table: pair
        for table in sorted(set(outcomes.tables.tolist()))
        if (pair := _ends(outcomes.where(outcomes.tables == table)))
    }
    profiles = recipe.profiles
    if pairs and not any(profiles.values()):
        like = dict(zip(LIKE, next(iter(pairs.values())), strict=True))
        profiles = {name: (like[name],) if name in like else () for name in PROFILES}
    return replace(recipe, pairs=pairs, profiles=profiles)


def _ends(table: OutcomeSet) -> tuple[str, str] | None:
    """Its experts with the lowest and the highest mean score; None where there is only one."""
    seen = ~np.isnan(table.scores)
    counts = seen.sum(axis=0)
    means = np.nansum(table.scores, axis=0)[counts > 0] / counts[counts > 0]
    names = np.array(table.experts)[counts > 0]
    if len(names) < 2:
        return None
    order = np.argsort(means, kind="stable")
    return str(names[order[0]]), str(names[order[-1]])


def require_ready(recipe: Recipe, outcomes: OutcomeSet) -> None:
    """Raises BadData with all that is missing."""
    if lacking := [*dict.fromkeys(_lacking(recipe, outcomes))]:
        raise BadData(f"no router can be made by {recipe.path} yet; it lacks {'; '.join(lacking)}")


def _lacking(recipe: Recipe, outcomes: OutcomeSet) -> Iterator[str]:
    yield from recipe.unknown(outcomes.experts, set(outcomes.tables.tolist()))
    for split in SPLITS:
        if not (outcomes.splits == split).any():
            yield f"queries in the split {split!r} (by its text a query falls in one of three)"
    if not recipe.pairs:
        yield "a pair: a table with scores of two experts, or [pairs] with TABLE = [WEAK, STRONG]"
    for table, (weak, strong) in recipe.pairs.items():
        if {weak, strong} <= set(outcomes.experts):
            yield from _lacking_of_pair(outcomes, table, weak, strong)


def _lacking_of_pair(outcomes: OutcomeSet, table: str, weak: str, strong: str) -> Iterator[str]:
    both: Bools = (outcomes.tables == table) & ~np.isnan(
        outcomes.column(weak) - outcomes.column(strong)
    )
    for split in SPLITS:
        count = int((both & (outcomes.splits == split)).sum())
        if count < LEAST_QUERIES:
            yield (
                f"{LEAST_QUERIES - count} more {split} queries of the table {table!r} with scores "
                f"of both {weak!r} and {strong!r} ({count} have them)"
            )
    if both.any() and np.array_equal(outcomes.column(weak)[both], outcomes.column(strong)[both]):
        yield f"a query of {table!r} on which {weak!r} and {strong!r} differ"
