"""SVG figures of rows: percentiles by the setting that varies most, one line a measure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_router.errors import MissingExtra

from ..rows.row import Row
from .words import SCALES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_plots"]

WIDEST_LABEL = 26  # characters
LEGEND_ROW = 0.17  # inches
COLOURS = ("#1f5fa8", "#c4541d", "#1f7f63", "#7a4fa3", "#8a6d00", "#3c4650")


def draw_plots(rows: Sequence[Row], folder: Path) -> list[Path]:
    """SUITE-UNIT.svg for each suite and unit, into `folder`. Needs matplotlib.

    Where a numeric setting varies it becomes the horizontal axis (both axes logarithmic), with a
    band from p50 to p99; else bars of p50 with a mark at p99. Invalid rows are drawn like
    the others; the figure says how many there are.
    """
    try:
        from edge_router.export.report.svg import draw_svg
    except ImportError as error:
        raise MissingExtra("matplotlib", "export") from error
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for (suite, unit), group in _groups(rows).items():
        axis = _varying(group)

        def paint(axes: Axes, group: list[Row] = group, axis: str | None = axis) -> None:
            _lines(axes, group, axis) if axis else _bars(axes, group)

        title = f"{suite}, {SCALES[unit][0][1] or unit}"
        svg = draw_svg(title, _alt(suite, group), paint, height=_height(group, axis))
        path = folder / f"{suite}-{unit.replace('/', '-per-')}.svg"
        path.write_text(svg, encoding="utf-8")
        written.append(path)
    return written


def _groups(rows: Sequence[Row]) -> Mapping[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.samples:
            groups.setdefault((row.cell.suite, row.cell.unit), []).append(row)
    return groups


def _alt(suite: str, rows: Sequence[Row]) -> str:
    bad = sum(not row.valid for row in rows)
    return f"{suite}: p50 and p99 of {len(rows)} cells" + (
        f", {bad} of them invalid" if bad else ""
    )


def _height(rows: Sequence[Row], axis: str | None) -> float:
    """Inches, with room for the legend below lines and for labels of several lines."""
    if axis:
        return 4.0 + LEGEND_ROW * len({_label(row, axis) for row in rows})
    return 0.8 + sum(0.12 + 0.18 * len(_wrapped(_label(row, None)).splitlines()) for row in rows)


def _wrapped(label: str) -> str:
    """A label that leaves room for its bar."""
    return textwrap.fill(label, WIDEST_LABEL)


def _varying(rows: Sequence[Row]) -> str | None:
    """The numeric setting with the most values."""
    values: dict[str, set[float]] = {}
    for row in rows:
        for name, value in row.cell.settings.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                values.setdefault(name, set()).add(value)
    axis_name = max(values, key=lambda name: len(values[name]), default=None)
    return axis_name if axis_name is not None and len(values[axis_name]) > 1 else None


def _label(row: Row, axis: str | None) -> str:
    rest = {n: v for n, v in row.cell.settings.items() if n not in (axis, "tokens_seen")}
    others = ", ".join(f"{name} {value}" for name, value in rest.items())
    name = "" if row.cell.contender == "edge-router" else f"{row.cell.contender} "
    return f"{name}{row.cell.measure}" + (f" ({others})" if others and axis is None else "")


def _lines(axes: Axes, rows: Sequence[Row], axis: str | None) -> None:
    lines: dict[str, list[Row]] = {}
    for row in rows:
        if axis in row.cell.settings:
            lines.setdefault(_label(row, axis), []).append(row)
    for number, (label, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        spread = [(float(p.cell.settings[axis or ""] or 0), p.summary) for p in points]
        known = sorted(
            (x, summary.p50, summary.p99) for x, summary in spread if summary is not None
        )
        x, middle, high = zip(*known, strict=True)
        axes.plot(x, middle, "o-", color=colour, markersize=3.5, label=label)
        axes.fill_between(x, middle, high, color=colour, alpha=0.12, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", nonpositive="mask")  # a difference of two may be below 0
    axes.set(xlabel=axis, ylabel=f"{rows[0].cell.unit}: p50, band to p99")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), handlelength=1.5)  # below them


def _bars(axes: Axes, rows: Sequence[Row]) -> None:
    from matplotlib.ticker import EngFormatter

    shown = list(reversed(rows))
    for place, row in enumerate(shown):
        summary = row.summary
        if summary is not None:
            axes.barh([place], [summary.p50], color=COLOURS[0], height=0.6)
            axes.plot([summary.p99], [place], "|", color=COLOURS[1], markersize=9)
    axes.set_yticks(range(len(shown)), [_wrapped(_label(row, None)) for row in shown])
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel(f"{rows[0].cell.unit}: p50, mark at p99")
