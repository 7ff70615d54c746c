"""The cost-quality curve of a router, with an operating point on it, as an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Float64s

from ..svg import GRID, MUTED, svg_head, svg_text
from .evidence import Evidence

__all__ = ["cost_quality_svg"]

WIDTH, HEIGHT = 480, 340
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 34, 64
ROUTER, ORACLE = "#0b69a3", "#8fb8d0"
CORNERS = 200  # of a line; more cannot be seen
TICKS = 5


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values `low` to `high` on the pixels `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, values: Float64s) -> Float64s:
        width = (self.high - self.low) or 1.0
        return self.start + (values - self.low) / width * (self.end - self.start)

    def ticks(self) -> Float64s:
        return np.linspace(self.low, self.high, TICKS)


@dataclass(frozen=True, slots=True)
class _Line:
    """Mean cost and mean score at each corner of a line, from always weak to always strong."""

    name: str
    colour: str
    dash: str
    cost: Float64s
    score: Float64s


def cost_quality_svg(evidence: Evidence, price: float, *, title: str) -> str:
    """Mean score over dollars per 1,000 queries, or over the share of strong calls where the costs
    are not known: the router, a random one, the oracle, and the point at `price`.

    The same input gives the same text.
    """
    weak, strong, unit = _costs(evidence)
    scores = evidence.weak.scores, evidence.strong.scores
    lines = [
        _Line("oracle", ORACLE, "6 3", *_corners(scores[1] - scores[0], (weak, strong), scores)),
        _Line(
            "router",
            ROUTER,
            "",
            *_corners(
                evidence.turns, evidence.by_expense(weak, strong), evidence.by_expense(*scores)
            ),
        ),
    ]
    ends = [line[[0, -1]] for line in (lines[1].cost, lines[1].score)]
    lines.insert(0, _Line("random", MUTED, "2 3", *ends))
    point = (
        float(evidence.routed(weak, strong, price).mean()),
        float(evidence.routed(*scores, price).mean()),
    )
    x = _axis([line.cost for line in lines], LEFT, WIDTH - RIGHT)
    y = _axis([line.score for line in lines], HEIGHT - BOTTOM, TOP)
    return "\n".join(
        [
            *svg_head(WIDTH, HEIGHT, title),
            svg_text(LEFT, 18, title, size=12),
            *_frame(x, y, unit),
            *(_polyline(line, x, y) for line in lines),
            *_mark(point, x, y),
            *_legend(lines),
            "</svg>\n",
        ]
    )


def _costs(evidence: Evidence) -> tuple[Float64s, Float64s, str]:
    weak, strong = evidence.weak.cost_usd, evidence.strong.cost_usd
    if weak is not None and strong is not None and strong.mean() > weak.mean():
        return weak * 1000, strong * 1000, "dollars per 1,000 queries"
    calls = np.ones(len(evidence))
    return calls * 0, calls * 100, "strong calls, %"


def _corners(
    order: Float64s, costs: tuple[Float64s, Float64s], scores: tuple[Float64s, Float64s]
) -> tuple[Float64s, Float64s]:
    """Costs and scores where queries go to the second expert in this order, equal ones together."""
    ranked = np.argsort(-order, kind="stable")
    apart = order[ranked][1:] != order[ranked][:-1]
    ends = np.flatnonzero(np.append(apart, True)) + 1
    corners = np.concatenate([[0], ends[np.linspace(0, len(ends) - 1, CORNERS).astype(int)]])
    cost, score = (
        (np.concatenate([[0.0], np.cumsum((strong - weak)[ranked])]) + weak.sum())[corners]
        / len(order)
        for weak, strong in (costs, scores)
    )
    return cost, score


def _axis(values: Sequence[Float64s], start: float, end: float) -> _Axis:
    every = np.concatenate(values)
    return _Axis(float(every.min()), float(every.max()), start, end)


def _frame(x: _Axis, y: _Axis, unit: str) -> list[str]:
    parts = []
    for value, at in zip(y.ticks(), y.at(y.ticks()), strict=True):
        parts.append(f'<path d="M{x.start} {at:.1f}H{x.end}" stroke="{GRID}"/>')
        parts.append(svg_text(LEFT - 6, at + 4, f"{value:.3f}", anchor="end", colour=MUTED))
    for value, at in zip(x.ticks(), x.at(x.ticks()), strict=True):
        parts.append(svg_text(at, y.start + 16, f"{value:.3g}", anchor="middle", colour=MUTED))
    parts.append(svg_text((x.start + x.end) / 2, y.start + 34, unit, anchor="middle"))
    parts.append(
        f'<text transform="translate(13 {(y.start + y.end) / 2:.1f}) rotate(-90)" '
        'text-anchor="middle">mean score</text>'
    )
    return parts


def _polyline(line: _Line, x: _Axis, y: _Axis) -> str:
    corners = zip(x.at(line.cost), y.at(line.score), strict=True)
    points = " ".join(f"{across:.1f},{up:.1f}" for across, up in corners)
    return (
        f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2" '
        f'stroke-dasharray="{line.dash}"/>'
    )


def _mark(point: tuple[float, float], x: _Axis, y: _Axis) -> list[str]:
    across, up = (float(axis.at(np.array(at))) for axis, at in zip((x, y), point, strict=True))
    side = "end" if across > (x.start + x.end) / 2 else "start"
    shift = -8 if side == "end" else 8
    return [
        f'<circle cx="{across:.1f}" cy="{up:.1f}" r="5" fill="{ROUTER}" stroke="#ffffff"/>',
        svg_text(across + shift, up + 16, f"{point[0]:.3g}; {point[1]:.3f}", anchor=side),
    ]


def _legend(lines: Sequence[_Line]) -> list[str]:
    parts = []
    for place, line in enumerate(reversed(lines)):
        left, up = LEFT + place * 110, HEIGHT - 12
        parts.append(
            f'<path d="M{left} {up - 4}h24" stroke="{line.colour}" stroke-width="2" '
            f'stroke-dasharray="{line.dash}"/>'
        )
        parts.append(svg_text(left + 30, up, line.name))
    return parts
