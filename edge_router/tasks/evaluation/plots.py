"""Figures as SVG: the heat map of a confusion matrix, the radar chart of experts by task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from edge_router.learning.svg import GRID, INK, MUTED, svg_head, svg_text

from .confusion import Confusion

__all__ = ["confusion_svg", "radar_svg"]

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which the colour-blind tell apart; the first is the collaboration's."""
DARKEST = (8, 69, 148)  # of a cell of 100 %
CELL, LETTER = 34, 6.2  # pixels: of a cell's side, of a letter of the labels
MOST_LETTERS = 26
RADIUS = 150


def confusion_svg(confusion: Confusion, *, title: str) -> str:
    """Percent of each true task (row) that was named as each task (column), dark where many.

    Rows and columns without questions are left out. The same input gives the same text.
    """
    rows = [n for n in range(len(confusion.tasks)) if confusion.counts[n].any()]
    columns = [
        n for n in range(len(confusion.columns)) if n in rows or confusion.counts[:, n].any()
    ]
    names = [_short(name) for name in confusion.columns]
    left = 20 + LETTER * max(len(names[n]) for n in rows) + 44
    top = 56 + LETTER * 0.75 * max(len(names[n]) for n in columns)
    width, height = left + CELL * len(columns) + 70, top + CELL * len(rows) + 40
    parts = [*svg_head(width, height, title), svg_text(12, 20, title, size=13)]
    for at, n in enumerate(columns):
        x = left + CELL * (at + 0.5)
        parts.append(
            f'<text transform="translate({x:.1f} {top - 8:.1f}) rotate(-45)">'
            f"{escape(names[n])}</text>"
        )
    for at, n in enumerate(rows):
        y, total = top + CELL * at, int(confusion.counts[n].sum())
        parts.append(svg_text(left - 44, y + CELL / 2 + 4, names[n], anchor="end"))
        parts.append(svg_text(left - 6, y + CELL / 2 + 4, str(total), anchor="end", colour=MUTED))
        for across, m in enumerate(columns):
            share = float(confusion.counts[n, m]) / total
            parts += _cell(left + CELL * across, y, share)
    bottom = top + CELL * len(rows) + 22
    parts.append(
        svg_text(12, bottom, "rows: true task and its questions; columns: named task", colour=MUTED)
    )
    return "\n".join([*parts, "</svg>\n"])


def _cell(x: float, y: float, share: float) -> list[str]:
    red, green, blue = (round(255 + (dark - 255) * share) for dark in DARKEST)
    size = f'width="{CELL - 1}" height="{CELL - 1}"'
    fill = f"#{red:02x}{green:02x}{blue:02x}"
    parts = [f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{fill}"/>']
    if share > 0:
        shown = f"{100 * share:.0f}" if share >= 0.005 else "<1"
        colour = "#ffffff" if share > 0.5 else INK
        middle = CELL / 2
        parts.append(svg_text(x + middle, y + middle + 4, shown, anchor="middle", colour=colour))
    return parts


def radar_svg(
    values: Mapping[str, Mapping[str, float]], *, title: str, first: Sequence[str] = ()
) -> str:
    """Mean scores (0..1) by contender and task: an axis a task, a line a contender.

    The centre is 0 and the rim the largest value, rounded up to a tenth. The `first`
    contenders are drawn over the others and in bold; six have colours of their own, the rest are
    thin and grey. The same input gives the same text.
    """
    order = [*(name for name in first if name in values), *(n for n in values if n not in first)]
    tasks = list(values[order[0]])
    largest = max(max(one.values()) for one in values.values())
    rim = max(0.1, math.ceil(10 * largest - 1e-9) / 10)
    side = 2 * RADIUS + 60 + 2 * LETTER * max(len(_short(task)) for task in tasks)
    width, height = max(side, 420.0), 2 * RADIUS + 130 + 16 * len(order)
    centre = (width / 2, RADIUS + 70.0)
    parts = [*svg_head(width, height, title), svg_text(12, 20, title, size=13)]
    parts += _web(tasks, centre, rim)
    looks = {name: _look(place, name in first) for place, name in enumerate(order)}
    for name in reversed(order):
        shares = [values[name][task] / rim for task in tasks]
        parts.append(_polygon(shares, centre, *looks[name]))
    for place, name in enumerate(order):
        y = 2 * RADIUS + 122 + 16 * place
        colour, thick = looks[name]
        parts.append(f'<path d="M20 {y - 4}h26" stroke="{colour}" stroke-width="{thick}"/>')
        parts.append(svg_text(54, y, name))
    return "\n".join([*parts, "</svg>\n"])


def _web(tasks: Sequence[str], centre: tuple[float, float], rim: float) -> list[str]:
    parts = []
    tenths = round(10 * rim)
    for ring in range(1, tenths + 1) if tenths <= 5 else range(2, tenths + 1, 2):
        share = ring / tenths
        parts.append(_polygon([share] * len(tasks), centre, GRID, 1.0))
        x, y = _corner(0, len(tasks), share, centre)
        parts.append(svg_text(x + 3, y + 10, f"{10 * ring} %", size=9, colour=MUTED))
    for place, task in enumerate(tasks):
        x, y = _corner(place, len(tasks), 1.0, centre)
        parts.append(
            f'<path d="M{centre[0]:.1f} {centre[1]:.1f}L{x:.1f} {y:.1f}" stroke="{GRID}"/>'
        )
        x, y = _corner(place, len(tasks), 1.09, centre)
        side = (x - centre[0]) / RADIUS
        anchor = "middle" if abs(side) < 0.2 else "start" if side > 0 else "end"
        parts.append(svg_text(x, y + 4, _short(task), anchor=anchor))
    return parts


def _corner(
    place: int, count: int, share: float, centre: tuple[float, float]
) -> tuple[float, float]:
    """The first axis points up, the others follow clockwise."""
    angle = 2 * math.pi * place / count
    reach = RADIUS * share
    return centre[0] + reach * math.sin(angle), centre[1] - reach * math.cos(angle)


def _polygon(
    shares: Sequence[float], centre: tuple[float, float], colour: str, thick: float
) -> str:
    corners = (_corner(n, len(shares), share, centre) for n, share in enumerate(shares))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>'


def _look(place: int, bold: bool) -> tuple[str, float]:
    if place >= len(COLOURS):
        return "#cbd2d9", 0.8
    return COLOURS[place], 2.6 if bold else 1.5


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 3]}..."
