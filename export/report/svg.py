"""Figures as SVG elements that can stand in a page: small, repeatable and readable on a phone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .line_styles import BACKGROUND, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_panels", "draw_svg"]

WIDTH_INCHES = 4.5  # 324 points: one point is about one pixel of a phone
NAMESPACES = {"xmlns": "2000/svg", "xmlns:xlink": "1999/xlink"}
STYLE: dict[Any, Any] = {
    "axes.edgecolor": MUTED,
    "axes.facecolor": BACKGROUND,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.facecolor": BACKGROUND,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "font.size": 9,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: smaller, and it can be read aloud
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a model's name is no formula
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def draw_svg(title: str, alt: str, paint: Callable[[Axes], None], *, height: float = 3.4) -> str:
    """An <svg> element of the axes that `paint` fills; the same input gives the same text.

    `height` in inches. Uses no state of pyplot's and no display.
    """
    return draw_panels(title, alt, [paint], height=height)


def draw_panels(
    title: str, alt: str, paints: Sequence[Callable[[Axes], None]], *, height: float = 3.4
) -> str:
    """The same of several axes side by side, each as wide as one alone."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with rc_context({**STYLE, "svg.hashsalt": title}):  # ids that no other figure of the page has
        width = WIDTH_INCHES * len(paints)
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        for number, paint in enumerate(paints, start=1):
            axes = figure.add_subplot(1, len(paints), number)
            axes.set_axisbelow(True)
            paint(axes)
            _write_out_powers(axes)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _element(buffer.getvalue(), alt)


def _write_out_powers(axes: Axes) -> None:
    """Numbers such as 1000 along logarithmic axes: matplotlib's own 10^3 needs its formulas."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ends = (axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())
    for axis, (low, high) in ends:
        if axis.get_scale() == "log":
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            few = high < 10 * low  # powers alone would name one place at most
            axis.set_minor_formatter(
                FuncFormatter(lambda value, _: f"{value:,g}") if few else NullFormatter()
            )


def _element(text: str, alt: str) -> str:
    """Only the element, as wide as its place, with its alternative text and the ids it uses."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]+>", _short_numbers, body)
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", body)
    head, rest = body.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None
    spaces = " ".join(f'{name}="http://www.w3.org/{of}"' for name, of in NAMESPACES.items())
    opening = f'<svg {spaces} {box[0]} role="img" aria-label="{escape(alt)}">'
    return opening + re.sub(r"\s*\n\s*", "\n", rest).strip()


def _short_numbers(tag: re.Match[str]) -> str:
    """A hundredth of a pixel is enough."""
    return re.sub(r"(\.\d\d)\d+", r"\1", tag[0])
