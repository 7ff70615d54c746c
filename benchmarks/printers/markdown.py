"""Markdown: a table per suite, the machine, and the reasons to distrust rows."""

from __future__ import annotations

from dataclasses import replace

from ..rows.context import Context
from ..rows.row import Row
from .words import amount, settings_words

__all__ = ["to_markdown"]

OURS = "edge-router"
HEAD = ("measure", "contender", "settings", "n", "p50", "to ours", "p90", "p95", "p99", "MAD", "")


def to_markdown(rows: list[Row]) -> str:
    """Rows that are not valid are marked with the number of a note below their table.

    "to ours" is the p50 of another contender over ours in the same cell of the same run; where ours
    is none of them, as between two engines, "to NAME" is that over the first one's.
    """
    suites = dict.fromkeys(row.cell.suite for row in rows)
    parts = [_suite(name, [row for row in rows if row.cell.suite == name]) for name in suites]
    return "\n".join(parts)


def _suite(name: str, rows: list[Row]) -> str:
    notes = {note: f"[{at}]" for at, note in enumerate(_notes(rows), 1)}
    contenders = [row.cell.contender for row in rows]
    base = OURS if OURS in contenders else contenders[0]
    head = [f"to {base}" if one == "to ours" and base != OURS else one for one in HEAD]
    table = [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(_cells(row, notes, _ratio(row, rows, base)))} |" for row in rows),
    ]
    warm_up = ", ".join(str(n) for n in sorted({row.warm_up for row in rows}))
    said = [f"Warm-up samples left out: {warm_up}."]
    said += [f"{number} {note}" for note, number in notes.items()]
    machines = [f"- {machine}" for machine in dict.fromkeys(_context(row.context) for row in rows)]
    return "\n".join([f"## {name}", "", *machines, "", *table, "", *said, ""])


def _ratio(row: Row, rows: list[Row], base: str) -> str:
    """The ratio to the contender `base`; empty without both values."""
    cell, summary = row.cell, row.summary
    if cell.contender == base or cell.unit == "apgr":
        return ""
    for other in rows:
        same = replace(other.cell, contender=cell.contender).key == cell.key
        ours = other.summary if same and other.cell.contender == base else None
        if summary is not None and ours is not None and ours.p50 > 0:
            return f"{summary.p50 / ours.p50:.3g} x"
    return ""


def _cells(row: Row, notes: dict[str, str], to_ours: str) -> list[str]:
    cell, summary = row.cell, row.summary
    marks = " ".join(notes[note] for note in _faults(row))
    head = [cell.measure, cell.contender, settings_words(cell.settings)]
    if summary is None:
        return [*head, "0", *[""] * 6, marks]
    rest = (summary.p90, summary.p95, summary.p99, summary.mad)
    figures = [
        amount(summary.p50, cell.unit),
        to_ours,
        *(amount(value, cell.unit) for value in rest),
    ]
    return [*head, str(summary.n), *figures, marks]


def _faults(row: Row) -> list[str]:
    """Faults by kind, so that a table has few notes; the figures are in the rows."""
    kinds = [f"invalid, {fault.partition(':')[0]}" for fault in row.faults]
    return kinds + ([f"failed: {row.error}"] if row.error is not None else [])


def _notes(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(note for row in rows for note in _faults(row)))


def _context(of: Context) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in of.packages.items())
    parts = [
        f"edge-router {of.edge_router}" + (f" ({of.commit})" if of.commit else ""),
        f"{of.artifact} {(of.artifact_hash or '')[:12]}" if of.artifact else "",
        of.board or "",
        f"{of.cpu}, {of.cores} cores" + (f", governor {of.governor}" if of.governor else ""),
        " ".join(of.flags),
        of.os,
        of.python,
        packages,
    ]
    return "; ".join(part for part in parts if part)
