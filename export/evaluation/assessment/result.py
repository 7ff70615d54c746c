"""What a measure gives: texts, tables of numbers with intervals, and lines to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...metrics.apgr import Interval
from ..results import interval_json

__all__ = ["ABSENT", "Cell", "Line", "LinePlot", "MeasureTable", "Result", "result_json"]

Cell = str | int | float | Interval | None

ABSENT = "not in this artifact"


@dataclass(frozen=True, slots=True)
class MeasureTable:
    """`rows` as long as `header`; the first column names the row, None is not known."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one figure; with `marked` they are drawn as dots, else as a line."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    marked: bool = False


@dataclass(frozen=True, slots=True)
class LinePlot:
    """`alt` says in words what the figure shows; with `diagonal` x and y are the same unit."""

    title: str
    alt: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    diagonal: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One measure of an artifact; `name` is its key in the JSON."""

    name: str
    title: str
    text: tuple[str, ...]
    tables: tuple[MeasureTable, ...] = ()
    plots: tuple[LinePlot, ...] = ()


def result_json(result: Result) -> dict[str, Any]:
    """Ready for JSON: each row by its header, intervals as [value, low, high]."""
    return {
        "name": result.name,
        "title": result.title,
        "text": list(result.text),
        "tables": [
            {
                "title": table.title,
                "header": list(table.header),
                "rows": [_row(table.header, row) for row in table.rows],
            }
            for table in result.tables
        ],
        "plots": [asdict(plot) for plot in result.plots],
    }


def _row(header: tuple[str, ...], row: tuple[Cell, ...]) -> Mapping[str, Any]:
    return {name: _cell(cell) for name, cell in zip(header, row, strict=True)}


def _cell(cell: Cell) -> Any:
    if isinstance(cell, Interval):
        return interval_json(cell)
    if isinstance(cell, float):
        return round(cell, 6) if math.isfinite(cell) else None  # JSON has no NaN
    return cell
