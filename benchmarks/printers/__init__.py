"""Printers of rows: several forms of one schema; csv, json and jsonl read back losslessly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..rows.row import Row
from .delimited import from_csv, to_csv
from .lines import from_json, from_jsonl, to_json, to_jsonl
from .markdown import to_markdown

__all__ = ["PRINTERS", "READERS"]

PRINTERS: Mapping[str, Callable[[list[Row]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "jsonl": to_jsonl,
}
READERS: Mapping[str, Callable[[str], list[Row]]] = {
    "csv": from_csv,
    "json": from_json,
    "jsonl": from_jsonl,
}
