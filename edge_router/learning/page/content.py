"""The content of a report before any printer: sections of text, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "NOTHING",
    "Figure",
    "Section",
    "Table",
    "interval_text",
    "number_text",
]

NOTHING = "-"  # never 0: what is not known is not nothing

Ends = Sequence[float | None] | None


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` of texts as long as `header`.

    `muted` are the numbers of rows that are there to compare with. A `folded` table opens on
    demand where the printer can do that.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    muted: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """`draw` gives an SVG element; `alt` says in words what it shows."""

    title: str
    alt: str
    draw: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, paragraphs, then tables and figures."""

    title: str
    text: tuple[str, ...]
    blocks: tuple[Table | Figure, ...] = ()


def interval_text(ends: Ends) -> str:
    """[value, low, high] as `0.697 [0.654, 0.741]`."""
    if not ends:
        return NOTHING
    span = "[no interval]" if None in ends else f"[{ends[1]:.3f}, {ends[2]:.3f}]"
    return f"{number_text(ends[0])} {span}"


def number_text(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
