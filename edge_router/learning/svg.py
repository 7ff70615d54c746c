"""What plots drawn as SVG share: their colours, and a text."""

from __future__ import annotations

from html import escape

__all__ = ["GRID", "INK", "MUTED", "svg_text"]

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"


def svg_text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 11, colour: str = INK
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(text)}</text>'
    )
