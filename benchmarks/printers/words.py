"""Numbers and cells in words, for people."""

from __future__ import annotations

from collections.abc import Mapping

from ..rows.row import Row, Setting

__all__ = ["amount", "brief", "settings_words"]

SCALES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "cpu_s": ((1.0, "s CPU"), (1e-3, "ms CPU"), (1e-6, "µs CPU")),
    "B": ((1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    "instructions": ((1e6, "M instructions"), (1.0, "instructions")),
    "1/s": ((1.0, "/s"),),
    "queries": ((1.0, "queries"),),
    "log-odds": ((1.0, ""),),
    "apgr": ((1.0, ""),),
}


def amount(value: float, unit: str) -> str:
    """An amount with three significant digits and a fitting unit: 0.00123 s is "1.23 ms"."""
    scales = SCALES[unit]
    scale, name = next((s for s in scales if abs(value) >= s[0]), scales[-1])
    number = f"{value / scale:.3g}" if abs(value / scale) < 1000 else f"{value / scale:.0f}"
    return f"{number} {name}".strip()


def settings_words(settings: Mapping[str, Setting]) -> str:
    """ "tokens 32, threads 1"."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def brief(row: Row) -> str:
    """One line about a row."""
    cell = row.cell
    title = " · ".join(
        part
        for part in (cell.suite, cell.measure, cell.contender, settings_words(cell.settings))
        if part
    )
    if row.error is not None:
        return f"{title}: failed, {row.error}"
    summary = row.summary
    value = "nothing" if summary is None else f"{amount(summary.p50, cell.unit)} (n {summary.n})"
    return f"{title}: {value}" + ("" if row.valid else " INVALID")
