"""Figures of lines or dots over two axes, one alone or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .line_styles import COLOURS, GREYS, MUTED
from .svg import draw_panels, draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["line_plot", "panels"]

Plot = Mapping[str, Any]


def line_plot(place: str, plot: Plot) -> str:
    """An <svg> element; `place` tells figures of one title apart."""
    paint = partial(_paint, plot=plot)
    return draw_svg(f"{place} {plot['title']}", plot["alt"], paint, height=4.2)


def panels(name: str, alt: str, plots: Sequence[Plot]) -> str:
    """Figures side by side, each under its title."""
    paints = [partial(_paint, plot=plot, titled=True) for plot in plots]
    return draw_panels(name, alt, paints)


def _paint(axes: Axes, plot: Plot, *, titled: bool = False) -> None:
    if plot["diagonal"]:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle="dotted")
        axes.set(xlim=(0, 1), ylim=(0, 1))
    colours = iter(COLOURS)
    for line in plot["lines"]:
        colour, dash = GREYS.get(line["name"]) or (next(colours), "solid")
        axes.plot(
            line["x"],
            line["y"],
            linestyle="none" if line["marked"] else dash,
            marker="o" if line["marked"] or plot["diagonal"] else None,
            markersize=3.5,
            linewidth=1.2 if line["name"] in GREYS else 2.2,
            color=colour,
            label=line["name"],
        )
    axes.set(xlabel=plot["x_label"], ylabel=plot["y_label"])
    if titled:
        axes.set_title(plot["title"])
    axes.legend(loc="best", ncols=1 if titled else 2)
