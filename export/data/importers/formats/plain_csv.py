"""Plain CSV: a `query` column and a score column for each expert."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ...rows import BadData
from ..outcome import QUANTITIES
from ..tables import Table, read_csv
from ..texts import is_blank

__all__ = ["plain_csv"]

KEPT = ("source", "id", "task", "lang", "gold", "metric")
RESERVED = frozenset({*KEPT, "query", "split", "qkey"})


def plain_csv(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of one file. Every column that holds numbers is an expert's, but for the reserved
    source, id, qkey, task, lang, split, gold, metric and query, and for what is known of an
    expert's answers: `cost_usd:EXPERT`, `output_tokens:EXPERT`, `latency_s:EXPERT`.

    Raises BadData, BadRow, FileNotFoundError.
    """
    table = read_csv(path)
    table.require("query")
    experts = table.experts(lambda name: name in RESERVED or _quantity(name) is not None)
    _refuse_strangers(table, experts)
    for where, cells in table.lines:
        row: Row = {name: cells[name] for name in KEPT if not is_blank(cells.get(name))}
        row["query"] = cells["query"]
        row["score"] = {expert: cells[expert] for expert in experts}
        for quantity in QUANTITIES:
            row[quantity] = {expert: cells.get(f"{quantity}:{expert}") for expert in experts}
        yield where, row


def _quantity(column: str) -> tuple[str, str] | None:
    """The quantity and the expert that a column is about, if it is about one."""
    quantity, colon, expert = column.partition(":")
    return (quantity, expert) if colon and quantity in QUANTITIES else None


def _refuse_strangers(table: Table, experts: tuple[str, ...]) -> None:
    for column in table.columns:
        if (about := _quantity(column)) and about[1] not in experts:
            raise BadData(f"{table.path} has {column!r} and no score column {about[1]!r}")
