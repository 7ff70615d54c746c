"""CSV: a column for each field, nested ones as `context.cpu` and `settings.tokens`.

Cells are as a spreadsheet wants them: texts without quotes of JSON, an empty cell for null. Lists
are JSON. A text that could be taken for something else is a JSON text in quotes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from edge_router.guards.csv_cells import cells_up_to

from ..rows.row import Row
from ..rows.schema import row_schema

__all__ = ["from_csv", "to_csv"]

NESTED = ("settings", "summary", "context", "before", "after")


def to_csv(rows: list[Row]) -> str:
    """The rows as CSV; an empty cell is null."""
    flat = [dict(_flat(row.to_json())) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def from_csv(text: str) -> list[Row]:
    """Raises ValueError and LookupError for what `to_csv` does not write."""
    return [Row.from_json(content) for content in contents_of_csv(text)]


def contents_of_csv(text: str) -> list[dict[str, Any]]:
    """The rows of a file as JSON objects, unchecked. Raises ValueError."""
    with cells_up_to(len(text)):  # thousands of samples are one cell
        return [_nested(row) for row in csv.DictReader(io.StringIO(text))]


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if name not in NESTED:
            yield name, _cell(value, is_text=_is_text(name))
        for part, content in (value or {}).items() if name in NESTED else ():
            column = f"{name}.{part}"
            unset = "null" if name == "settings" else ""
            text = _cell(content, is_text=_is_text(column))
            yield column, unset if content is None else text


def _cell(value: Any, *, is_text: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and (is_text or _is_plain(value)):
        return value if value and value[0] != '"' else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    """Whether a text in a column of any type is not JSON itself."""
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _nested(row: Mapping[str, str | None]) -> dict[str, Any]:
    nested: dict[str, Any] = {name: {} for name in NESTED}
    for name, cell in row.items():
        group, _, part = name.partition(".")
        if not part:
            nested[name] = _value(name, cell)
        elif group != "settings" or cell:
            nested[group][part] = _value(name, cell)
    if all(value is None for value in nested["summary"].values()):
        nested["summary"] = None
    return nested


def _value(column: str, cell: str | None) -> Any:
    if not cell:
        return None
    if _is_text(column) and cell[0] != '"':
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        if column.startswith("settings."):
            return cell
        raise ValueError(f"{column} is {cell[:80]!r}, which is no JSON") from None


def _is_text(column: str) -> bool:
    """Whether the schema wants a text in a column, or nothing."""
    schema: Any = row_schema()
    for part in column.split("."):
        schema = schema.get("properties", {}).get(part, {})
    kinds = schema.get("type", "string" if "enum" in schema else "")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)
