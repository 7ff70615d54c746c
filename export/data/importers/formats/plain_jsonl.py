"""Plain JSON lines: {"query": ..., "score": {expert: 0..1}}, up to whole outcome rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ...rows import BadRow
from ..texts import read_objects

__all__ = ["plain_jsonl"]

NUMBERS = ("score", "cost_usd", "latency_s", "input_tokens", "output_tokens", "out_chars")
WHOLE = frozenset({"qkey", "split", "task", "query", "score"})


def plain_jsonl(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of one file, with every field they have; `scores` is read as `score`.

    Only whole outcome rows (with qkey, split, task, query and score) keep their own qkey and
    split. Raises BadData, BadRow, FileNotFoundError.
    """
    for where, line in read_objects(path):
        row = line if "score" in line else {**line, "score": line.get("scores")}
        if not isinstance(row["score"], dict):
            raise BadRow(f"{where} has no score; give score: {{expert: 0..1}}")
        _refuse_truth(row, where)
        if "query" not in row:
            raise BadRow(f"{where} has no query")
        dropped = {"scores"} if line.keys() >= WHOLE else {"scores", "qkey", "split"}
        yield where, {name: value for name, value in row.items() if name not in dropped}


def _refuse_truth(row: Row, where: str) -> None:
    """True is no number here, as in every other reader of outcome rows."""
    for field in NUMBERS:
        values = row.get(field)
        for expert, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, bool):
                raise BadRow(f"{where} has {field} {value} for {expert!r}; write a number")
