"""Rows of the results: counted, not timed, so load does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..rows.conditions import Conditions
from ..rows.context import Context
from ..rows.row import Cell, Row, Setting
from .agreement import Agreement
from .instructions import Count

__all__ = ["cells_of", "rows_of"]

SUITE = "arm"
CONTENDERS = {"router": "edge-router", "ready-made": "int8 MiniLM-L6, ready-made"}


def rows_of(
    results: Sequence[Agreement | Count], faults: Sequence[str], *, machine: str, context: Context
) -> Iterator[Row]:
    """The rows of one machine, and a failed one if it has faults."""
    now = Conditions.now()
    for result in results:
        for cell, samples in cells_of(result):
            yield Row(cell, samples, 0, context, now, now)
    if faults:
        gate = Cell(SUITE, "gate", settings={"machine": machine}, exact=True)
        yield Row(gate, (), 0, context, now, now, error="; ".join(faults))


def cells_of(result: Agreement | Count) -> list[tuple[Cell, tuple[float, ...]]]:
    """Cells and samples: for an agreement flips and the largest difference of a logit per query,
    for a count its rounds."""
    settings: dict[str, Setting] = {"machine": result.machine}
    if isinstance(result, Count):
        settings["tokens"] = result.tokens
        contender = CONTENDERS[result.model]
        cell = Cell(SUITE, result.part, "instructions", settings, contender=contender, exact=True)
        return [(cell, tuple(map(float, result.samples)))]
    settings["queries"] = result.queries
    return [
        (Cell(SUITE, "flips", "queries", settings, exact=True), (float(result.flips),)),
        (Cell(SUITE, "logit difference", "log-odds", settings, exact=True), result.deltas),
    ]
