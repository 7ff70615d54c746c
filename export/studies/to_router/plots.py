"""Figures of TO-Router's experiment: a measure by kind of question, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...metrics.apgr import Interval
from ...report.line_styles import COLOURS, INK, MUTED
from ...report.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["by_kind_plot"]

APART = 0.11  # between the methods of one kind


def by_kind_plot(
    title: str, measured: Mapping[str, Mapping[str, Interval]], label: str, alt: str
) -> str:
    """A dot and its 95 % interval for each method, side by side for each kind."""
    kinds: Sequence[str] = list(next(iter(measured.values())))
    colours = dict(zip(measured, (*COLOURS, MUTED, INK), strict=False))

    def paint(axes: Axes) -> None:
        for place, (name, values) in enumerate(measured.items()):
            away = (place - (len(measured) - 1) / 2) * APART
            for number, kind in enumerate(kinds):
                one = values[kind]
                x = number + away
                axes.plot([x, x], [one.low, one.high], color=colours[name], linewidth=1.6)
                axes.plot(
                    [x],
                    [one.value],
                    "o",
                    color=colours[name],
                    markersize=4,
                    label=name if number == 0 else None,
                )
        axes.set_xticks(range(len(kinds)), kinds, color=INK)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(label)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)

    return draw_svg(title, alt, paint, height=4.2)
