"""CSV: a column for each field, nested ones as `context.cpu`; a cell holds JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from ..rows.row import Row

__all__ = ["from_csv", "to_csv"]

NESTED = ("summary", "context", "before", "after")


def to_csv(rows: list[Row]) -> str:
    """The rows as CSV; an empty cell is null."""
    flat = [_flat(row.to_json()) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def from_csv(text: str) -> list[Row]:
    return [Row.from_json(_nested(row)) for row in csv.DictReader(io.StringIO(text))]


def _flat(row: dict[str, Any]) -> dict[str, str]:
    cells = {}
    for name, value in row.items():
        parts = value.items() if name in NESTED and value else [(None, value)]
        for part, content in parts:
            cells[f"{name}.{part}" if part else name] = _cell(content)
    return cells


def _cell(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _nested(row: dict[str, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, cell in row.items():
        value = json.loads(cell) if cell else None
        group, _, part = name.partition(".")
        if part:
            nested.setdefault(group, {})[part] = value
        else:
            nested.setdefault(name, value)
    return nested
