"""What plots drawn as SVG share: their colours, how they begin, and a text."""

from __future__ import annotations

from html import escape

__all__ = ["GRID", "INK", "MUTED", "svg_head", "svg_text"]

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"


def svg_head(width: float, height: float, title: str) -> list[str]:
    """The opening tag, the title for readers of the page, and a white ground."""
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
    return [
        f'<svg {box} role="img" font-family="sans-serif" font-size="11" fill="{INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]


def svg_text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 11, colour: str = INK
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(text)}</text>'
    )
