"""Rows as JSON: one array, or one row per line."""

from __future__ import annotations

import json

from ..rows.row import Row

__all__ = ["from_json", "from_jsonl", "to_json", "to_jsonl"]


def to_json(rows: list[Row]) -> str:
    return json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> list[Row]:
    return [Row.from_json(content) for content in json.loads(text)]


def to_jsonl(rows: list[Row]) -> str:
    return "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows)


def from_jsonl(text: str) -> list[Row]:
    return [Row.from_json(json.loads(line)) for line in text.splitlines() if line.strip()]
