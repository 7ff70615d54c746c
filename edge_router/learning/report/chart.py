"""Charts of a report as SVG elements, in the colours of the page around them."""

from __future__ import annotations

import math
from html import escape

from .savings import Savings, Single

__all__ = ["cost_quality_chart", "shares_chart"]

WIDTH, HEIGHT = 360, 270  # a phone's width: text keeps its size there
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 40
INK, MUTED, LINE, ACCENT = "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)"
TICKS = 4
BAR, ROW = 14, 34


def cost_quality_chart(savings: Savings) -> str:
    """Quality over dollars: each expert asked always, the coins between them, and routing with its
    interval. Needs known prices."""
    assert savings.usd is not None
    points = [(1000 * (one.usd or 0.0), 100 * one.quality, one.name) for one in savings.singles]
    routed = 1000 * savings.usd.value, 100 * savings.quality.value
    ends = 100 * savings.quality.low, 100 * savings.quality.high
    x = _Scale.of([routed[0], 0.0, *(point[0] for point in points)], LEFT, WIDTH - RIGHT)
    heights = [routed[1], *ends, *(point[1] for point in points)]
    y = _Scale.of(heights, HEIGHT - BOTTOM, TOP)
    parts = [*_axes(x, y, "dollars per 1,000 queries", "mean quality, points")]
    hull = _hull(savings.singles)
    corners = " ".join(f"{x.at(1000 * usd):.1f},{y.at(100 * q):.1f}" for usd, q in hull)
    parts.append(
        f'<polyline points="{corners}" fill="none" stroke="{MUTED}" stroke-dasharray="4 3"/>'
    )
    for usd, quality, name in points:
        parts.append(_dot(x.at(usd), y.at(quality), MUTED, 4))
        parts.append(_label(x.at(usd), y.at(quality), f"always {name}", MUTED))
    at = x.at(routed[0])
    parts.append(
        f'<path d="M{at:.1f} {y.at(ends[0]):.1f}V{y.at(ends[1]):.1f}" stroke="{ACCENT}" '
        'stroke-width="2"/>'
    )
    parts.append(_dot(at, y.at(routed[1]), ACCENT, 5))
    parts.append(_label(at, y.at(routed[1]), "routing", ACCENT))
    words = "Mean quality over dollars of routing, of each expert asked always, and of coins"
    return _svg(WIDTH, HEIGHT, words, parts)


def _hull(singles: tuple[Single, ...]) -> list[tuple[float, float]]:
    """The corners of the upper hull of dollars and quality, the cheapest first."""
    corners: list[tuple[float, float]] = []
    for usd, quality in sorted({(one.usd or 0.0, one.quality) for one in singles}):
        if corners and quality <= corners[-1][1]:
            continue
        while len(corners) > 1 and _is_below(corners[-2], corners[-1], (usd, quality)):
            corners.pop()
        if corners and usd <= corners[-1][0]:
            corners.pop()
        corners.append((usd, quality))
    return corners


def _is_below(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether `b` lies on or below the line from `a` to `c`."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def shares_chart(shares: list[tuple[str, float]]) -> str:
    """A bar for each name and its share of 0..1."""
    height = ROW * len(shares) + 6
    parts = []
    for place, (name, share) in enumerate(shares):
        y = ROW * place + 14
        parts.append(_text(0, y, name, INK, "start"))
        parts.append(_text(WIDTH, y, f"{share:.1%}", MUTED, "end"))
        parts.append(_bar(y + 5, WIDTH, LINE))
        parts.append(_bar(y + 5, max(1.0, share * WIDTH), ACCENT))
    return _svg(WIDTH, height, "The share of queries that each expert answered", parts)


def _bar(y: float, width: float, colour: str) -> str:
    return f'<rect x="0" y="{y}" width="{width:.1f}" height="{BAR - 4}" rx="3" fill="{colour}"/>'


class _Scale:
    """Values on pixels, with a margin at both ends."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self._start, self._end = low, high, start, end

    @classmethod
    def of(cls, values: list[float], start: float, end: float) -> _Scale:
        low, high = min(values), max(values)
        margin = 0.08 * (high - low) or 1.0
        return cls(low - margin if low else low, high + margin, start, end)

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """About TICKS round values."""
        raw = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * by for by in (1, 2, 5, 10) if power * by >= raw)
        first = math.ceil(self.low / step)
        return [step * n for n in range(first, math.floor(self.high / step) + 1)]


def _axes(x: _Scale, y: _Scale, x_label: str, y_label: str) -> list[str]:
    parts = []
    for tick in y.ticks():
        at = y.at(tick)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>')
        parts.append(_text(LEFT - 5, at + 3, f"{tick:.6g}", MUTED, "end"))
    below = HEIGHT - BOTTOM + 14
    parts += [_text(x.at(tick), below, f"{tick:.6g}", MUTED, "middle") for tick in x.ticks()]
    parts.append(_text((LEFT + WIDTH) / 2, HEIGHT - 6, x_label, MUTED, "middle"))
    turn = f'transform="rotate(-90 10 {(HEIGHT - BOTTOM) / 2:.0f})"'
    parts.append(_text(10, (HEIGHT - BOTTOM) / 2, y_label, MUTED, "middle", more=turn))
    return parts


def _dot(x: float, y: float, colour: str, radius: int) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def _label(x: float, y: float, text: str, colour: str) -> str:
    """On the side where there is room."""
    anchor, shift = ("end", -8) if x > WIDTH / 2 else ("start", 8)
    return _text(x + shift, y + 4, text, colour, anchor)


def _text(x: float, y: float, text: str, colour: str, anchor: str, *, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {more}>'
        f"{escape(text)}</text>"
    )


def _svg(width: int, height: int, words: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(words)}" font-family="sans-serif" font-size="11">'
        f"{''.join(parts)}</svg>"
    )
