"""Outcome rows of a user's own, JSON lines, plain or gzipped, and the evidence in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .chat import ChatRequest
from .encoder import Representation
from .errors import InvalidRequest, OutcomesUnusable
from .evidence import Evidence, Outcomes, refuse_unknown_tables
from .experts import Expert
from .json_lines import json_lines

if TYPE_CHECKING:
    from .router import Router

__all__ = ["Row", "from_file", "read_outcome_rows"]

Floats = npt.NDArray[np.float64]
Row = Mapping[str, Any]

FIX = "add scores of both to its rows, or name experts that it has with --weak and --strong"


def read_outcome_rows(path: Path) -> Iterator[Row]:
    """Rows with `query` or `messages` and `score{expert: 0..1}`; a score of null is left out.

    Raises OutcomesUnusable, with file and line, also for a file without rows.
    """
    empty = True
    for where, row in json_lines(path, OutcomesUnusable):
        empty = False
        yield _checked(row, where)
    if empty:
        raise OutcomesUnusable(f"{path} is empty; a row is a query with the scores of both experts")


def _checked(row: Any, where: str) -> Row:
    if not isinstance(row, dict) or not isinstance(row.get("score"), dict):
        raise OutcomesUnusable(f'{where} lacks "score", an object of scores by expert')
    if "query" not in row and "messages" not in row:
        raise OutcomesUnusable(f'{where} lacks "query" (or "messages")')
    row["score"] = {name: score for name, score in row["score"].items() if score is not None}
    for name, score in row["score"].items():
        number = isinstance(score, (int, float)) and not isinstance(score, bool)
        if not number or not 0 <= score <= 1:
            raise OutcomesUnusable(f"{where} has the score {score!r} for {name!r}; use 0..1")
    return row


def from_file(
    router: Router, weak: Expert, strong: Expert, path: Path, *, tables: Sequence[str] = ()
) -> Evidence:
    """A user's own outcome rows: JSON lines, plain or gzipped, with `query` (or `messages`) and
    `score{expert: 0..1}`, and where measured `cost_usd{}` and `latency_s{}`.

    An expert goes by its name or its profile's. Rows that lack one of the two do not count.
    `tables` keeps only rows of that `source`. Raises OutcomesUnusable.
    """
    rows = list(read_outcome_rows(path))
    refuse_unknown_tables(tables, sorted({_source(row, path) for row in rows}))
    rows = [row for row in rows if not tables or _source(row, path) in tables]
    called = [_called(expert, rows, path) for expert in (weak, strong)]
    both = [row for row in rows if all(name in row["score"] for name in called)]
    if not both:
        raise OutcomesUnusable(f"no row of {path} has scores of both {' and '.join(called)}; {FIX}")
    found = Evidence.estimated(
        weak,
        strong,
        [_query(router, row, path) for row in both],
        (_column(both, "score", called[0]), _column(both, "score", called[1])),
        tables=[_source(row, path) for row in both],
        kinds=[str(row.get("task", "unnamed")) for row in both],
    )
    return _with_measured(found, both, called)


def _with_measured(found: Evidence, rows: Sequence[Row], called: Sequence[str]) -> Evidence:
    """Costs and latencies from the rows, where every one of them has them."""
    paid, timed = (_measured(rows, field, called) for field in ("cost_usd", "latency_s"))
    weak, strong = (
        Outcomes(
            side.scores,
            _column(rows, "cost_usd", name) if paid else side.cost_usd,
            _column(rows, "latency_s", name) if timed else side.latency_s,
        )
        for side, name in zip((found.weak, found.strong), called, strict=True)
    )
    return replace(found, weak=weak, strong=strong, costs_measured=paid, latencies_measured=timed)


def _column(rows: Sequence[Row], field: str, name: str) -> Floats:
    return np.array([row[field][name] for row in rows], dtype=np.float64)


def _measured(rows: Sequence[Row], field: str, names: Sequence[str]) -> bool:
    """Whether every row has a number of `field` for both experts."""
    return all(
        isinstance((row.get(field) or {}).get(name), (int, float)) for row in rows for name in names
    )


def _called(expert: Expert, rows: Sequence[Row], path: Path) -> str:
    """The name by which the rows know an expert."""
    named = {name for row in rows for name in row["score"]}
    for name in (expert.name, expert.profile):
        if name in named:
            return name
    raise OutcomesUnusable(
        f"{path} has no outcomes of {expert.name!r} (profile {expert.profile!r}), only of "
        f"{', '.join(sorted(named))}; {FIX}"
    )


def _query(router: Router, row: Row, path: Path) -> tuple[Representation, int]:
    try:
        request = ChatRequest.of(row.get("query", row.get("messages")))
        return router.represent(request), request.characters
    except InvalidRequest as error:
        raise OutcomesUnusable(f"{path} has a query that cannot be routed: {error}") from None


def _source(row: Row, path: Path) -> str:
    return str(row.get("source", path.name))
