"""How far a judge agrees with itself in both orders, and with scores that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..metrics.agreement import correlations
from ..metrics.apgr import draw_counts, with_interval
from .cases import Mode
from .judge import Judgement

__all__ = ["agreement", "agreement_text"]

REPEATS = 1000

Ends = list[float | None]


def agreement(verdicts: Sequence[Judgement], mode: Mode, *, seed: int = 0) -> dict[str, Any]:
    """Figures of a judge; None where there is nothing to compare.

    `unreadable` counts replies without a verdict. `correlation` is Pearson's between ratings and
    the rows' own scores, in pairs between results and differences of scores, with a 95 % bootstrap
    interval over the verdicts. In pairs also: `ties`, the share of verdicts; `same_in_both_orders`,
    the share of pairs, and `first_wins`, the share of decided verdicts that went to the answer that
    stood first (1/2 without a position bias); `right`, the share of decided pairs whose winner has
    the higher score, of those whose scores differ.
    """
    read = [one for one in verdicts if one.value is not None]
    figures: dict[str, Any] = {
        "verdicts": len(verdicts),
        "unreadable": len(verdicts) - len(read),
        "correlation": _correlation(read, seed),
    }
    if mode == "score":
        return figures
    values = np.array([one.value for one in read])
    both = _both_orders(read)
    decided = values[values != 0.5]
    results = [((first + second) / 2, lift) for first, second, lift in both]
    known = [(result, lift) for result, lift in results if lift and result != 0.5]
    return figures | {
        "ties": _mean(values == 0.5),
        "pairs_in_both_orders": len(both),
        "same_in_both_orders": _mean(np.array([first == second for first, second, _ in both])),
        "first_wins": _mean(decided == 1),
        "right": _mean(np.array([(result > 0.5) == (lift > 0) for result, lift in known])),
    }


def _mean(flags: Any) -> float | None:
    return round(float(np.mean(flags)), 6) if len(flags) else None


def _lift(one: Judgement) -> float | None:
    """What the rows' own scores say: the expert's, or by how much the first one's is higher."""
    scores = one.case.row.get("score") or {}
    known = [float(scores[name]) for name in one.case.experts if scores.get(name) is not None]
    if len(known) < len(one.case.experts):
        return None
    return known[0] - known[1] if len(known) == 2 else known[0]


def _correlation(read: Sequence[Judgement], seed: int) -> Ends | None:
    cells = [(one.value, lift) for one in read if (lift := _lift(one)) is not None]
    if len(cells) < 3:
        return None
    said, known = (np.array(column, dtype=np.float64) for column in zip(*cells, strict=True))
    counts = draw_counts(len(said), repeats=REPEATS, seed=seed)
    found = with_interval(lambda part: correlations(said, known, part), counts)
    return (
        None
        if np.isnan(found.value)
        else [_number(x) for x in (found.value, found.low, found.high)]
    )


def _number(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


def _both_orders(read: Sequence[Judgement]) -> list[tuple[float, float, float | None]]:
    """Of each pair that was read in both orders: the result of the expert that comes first by name,
    once standing first and once second, and its lift."""
    by_order = {(one.case.number, one.case.experts): one for one in read}
    pairs = []
    for (row, experts), one in by_order.items():
        other = by_order.get((row, experts[::-1]))
        if other is None or experts[0] > experts[-1]:
            continue
        if one.value is not None and other.value is not None:
            pairs.append((one.value, 1 - other.value, _lift(one)))
    return pairs


def agreement_text(figures: dict[str, Any]) -> str:
    """A line for each figure."""
    lines = []
    for name, value in figures.items():
        ends = value if isinstance(value, list) else None
        if ends:
            span = "no interval" if None in ends else f"{ends[1]:.3f} to {ends[2]:.3f}"
            shown = f"{ends[0]:.3f} ({span})"
        else:
            shown = "-" if value is None else f"{value:.3f}" if isinstance(value, float) else value
        lines.append(f"{name.replace('_', ' ')}: {shown}")
    return "\n".join(lines)
