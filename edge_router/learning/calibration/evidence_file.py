"""Evidence from a file of outcome rows: two experts' scores, costs and latencies by query."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from edge_router.errors import OutcomesUnusable
from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.expert import Expert

from ..outcomes.rows import OutcomeRows, Row, query_key, request_of
from .evidence import (
    Evidence,
    ExpertOutcomes,
    QueryReader,
    priced,
    refuse_unknown_tables,
)

__all__ = ["from_file"]

log = logging.getLogger("edge_router")

FIX = "add scores of both to its rows, or name experts that it has with --weak and --strong"


def from_file(
    router: QueryReader, weak: Expert, strong: Expert, path: Path, *, tables: Sequence[str] = ()
) -> Evidence:
    """A user's own outcome rows, with costs and latencies as measured where every row has them.

    An expert goes by its name or its profile's. Rows that lack one of the two do not count,
    and a query that several rows have (equal up to case and white space) counts once.
    `tables` keeps only rows of that `source`. Raises OutcomesUnusable.
    """
    rows = list(OutcomeRows(path).placed())
    if not rows:
        raise OutcomesUnusable(f"{path} is empty; a row is a query with the scores of both experts")
    refuse_unknown_tables(tables, sorted({_source(row, path) for _, row in rows}))
    rows = [(at, row) for at, row in rows if not tables or _source(row, path) in tables]
    called = [_called(expert, [row for _, row in rows], path) for expert in (weak, strong)]
    rows = [(at, row) for at, row in rows if all(name in row["score"] for name in called)]
    if not rows:
        raise OutcomesUnusable(f"no row of {path} has scores of both {' and '.join(called)}; {FIX}")
    rows = _distinct(rows, called, path)
    queries = [_query(router, row, at) for at, row in rows]
    decided = priced(router, queries)
    both = [row for _, row in compress(rows, decided)]
    evidence = Evidence.estimated(
        weak,
        strong,
        list(compress(queries, decided)),
        (_column(both, "score", called[0]), _column(both, "score", called[1])),
        tables=[_source(row, path) for row in both],
        kinds=[row.get("task", "unnamed") for row in both],
        usd_per_second=router.usd_per_second,
    )
    measured = _with_measured(evidence, both, called)
    return replace(measured, for_cheapest=int((~decided).sum()))


def _distinct(
    rows: Sequence[tuple[str, Row]], called: Sequence[str], path: Path
) -> list[tuple[str, Row]]:
    """Each query once, with the mean of what its rows say: copies are no draws of their own."""
    groups: dict[str, list[tuple[str, Row]]] = {}
    for where, row in rows:
        text = row["query"] if "query" in row else json.dumps(row["messages"], sort_keys=True)
        groups.setdefault(query_key(text), []).append((where, row))
    if repeated := len(rows) - len(groups):
        log.warning(
            "%s: %s of %s rows repeat a query; each query counts once, with the mean of its rows",
            path,
            f"{repeated:,}",
            f"{len(rows):,}",
        )
    return [
        (same[0][0], same[0][1] if len(same) == 1 else _mean([row for _, row in same], called))
        for same in groups.values()
    ]


def _mean(rows: Sequence[Row], called: Sequence[str]) -> Row:
    """The first row, with the means of the numbers that all of them have."""
    means = {
        field: {
            name: float(_column(rows, field, name).mean())
            for name in called
            if all(name in row.get(field, {}) for row in rows)
        }
        for field in ("score", "cost_usd", "latency_s")
    }
    return {**rows[0], **means}


def _with_measured(evidence: Evidence, rows: Sequence[Row], called: Sequence[str]) -> Evidence:
    """Costs and latencies from the rows, where every one of them has them."""
    paid, timed = (_measured(rows, field, called) for field in ("cost_usd", "latency_s"))
    weak, strong = (
        ExpertOutcomes(
            side.scores,
            _column(rows, "cost_usd", name) if paid else side.cost_usd,
            _column(rows, "latency_s", name) if timed else side.latency_s,
        )
        for side, name in zip((evidence.weak, evidence.strong), called, strict=True)
    )
    return replace(
        evidence, weak=weak, strong=strong, costs_measured=paid, latencies_measured=timed
    )


def _column(rows: Sequence[Row], field: str, name: str) -> Float64s:
    return np.array([row[field][name] for row in rows], dtype=np.float64)


def _measured(rows: Sequence[Row], field: str, names: Sequence[str]) -> bool:
    """Whether every row has a number of `field` for both experts."""
    return all(name in row.get(field, {}) for row in rows for name in names)


def _called(expert: Expert, rows: Sequence[Row], path: Path) -> str:
    """The name by which the rows know an expert."""
    named = {name for row in rows for name in row["score"]}
    for name in (expert.name, expert.profile):
        if name in named:
            return name
    known = ", ".join(sorted(named)) or "nobody"
    raise OutcomesUnusable(
        f"{path} has no outcomes of {expert.name!r} (profile {expert.profile!r}), only of "
        f"{known:.400}; {FIX}"
    )


def _query(router: QueryReader, row: Row, where: str) -> tuple[Representation, int]:
    request = request_of(row, where, OutcomesUnusable)
    return router.represent(request), request.characters


def _source(row: Row, path: Path) -> str:
    source: str = row.get("source", path.name)
    return source
