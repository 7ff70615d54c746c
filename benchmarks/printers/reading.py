"""Reads files of rows, in whichever form `bench` wrote them, and checks each row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_router.guards.bounded_file import read_text

from ..rows.row import Row
from ..rows.schema import BadBenchRow, check_row
from .delimited import contents_of_csv

__all__ = ["read_rows"]


def read_rows(path: Path) -> list[Row]:
    """The rows of a .jsonl, .json or .csv file; the form is known by the content.

    Raises BadBenchRow with the place of what is wrong.
    """
    text = read_text(path, BadBenchRow)  # without the mark that a spreadsheet puts there
    rows = []
    for place, content in _contents(text, path):
        try:
            check_row(content)
        except BadBenchRow as error:
            raise BadBenchRow(f"{place}: {error}") from None
        rows.append(Row.from_json(content))
    return rows


def _contents(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    """The rows as objects, each with its place."""
    start = text.lstrip()[:1]
    if start in ("#", "|"):
        raise BadBenchRow(
            f"{path} is a table for people, without the samples; write rows with --json, "
            "--format jsonl or --format csv"
        )
    try:
        if start == "[":
            values = json.loads(text)
            yield from ((f"{path}, row {at}", one) for at, one in enumerate(values, 1))
        elif start in ("{", ""):
            yield from _lines(text, path)
        else:
            if "suite" not in text.partition("\n")[0].split(","):
                raise ValueError("its first line names no column suite")
            values = contents_of_csv(text)
            yield from ((f"{path}, row {at}", one) for at, one in enumerate(values, 1))
    except (ValueError, LookupError, TypeError) as error:
        raise BadBenchRow(f"{path} is no file of rows: {error}") from None


def _lines(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            place = f"{path}, line {number}"
            try:
                yield place, json.loads(line)
            except ValueError as error:
                raise BadBenchRow(f"{place}: {error}") from None
