"""Where a decision turns: at which prices the rule of an operating point chooses which expert."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_router.settings.constraints import Placement

from ..arrays import Float64s, Places
from ..deciding.decision import Decision
from ..experts.panel import Candidates

__all__ = ["Turn", "price_words", "turns", "turns_words"]


@dataclass(frozen=True, slots=True)
class Turn:
    """`expert` is chosen at prices above `above` and up to `up_to`; None where there is no such
    end."""

    expert: str
    above: float | None
    up_to: float | None


class Priced(Protocol):
    """What a turn needs of a `price_rule.PriceRule`."""

    @property
    def least_quality(self) -> float:
        """Below this an expert is not expected to do well."""
        ...

    def expenses(self, candidates: Candidates) -> Float64s:
        """What each of the candidates counts as, 0..1 (experts,)."""
        ...


def turns(decision: Decision, rule: Priced) -> tuple[Turn, ...]:
    """The experts that `rule` would choose at one price or another, the dearest first, of those
    that nothing rules out; empty for a decision without its grounds.

    They are the corners of the convex hull of expense and quality, and the prices are the slopes
    between them.
    """
    if decision.grounds is None:
        return ()
    candidates = Candidates.of(decision.grounds.candidates)
    usable = _usable(decision, candidates)
    quality, expense = candidates.quality[usable], rule.expenses(candidates)[usable]
    reaches = quality >= rule.least_quality
    if reaches.any():
        usable, quality, expense = usable[reaches], quality[reaches], expense[reaches]
    rank = candidates.cheapest_rank[usable]
    corners = _hull(quality, expense, rank)
    with np.errstate(over="ignore"):  # an end that no price reaches
        slopes = (np.diff(quality[corners]) / np.diff(expense[corners])).tolist()
    never = slopes.count(math.inf), len(slopes) - slopes.count(-math.inf)
    corners, steps = corners[never[0] : never[1] + 1], slopes[slice(*never)]
    names = [candidates.names[usable[corner]] for corner in corners]
    spans = zip(names, [*steps, None], [None, *steps], strict=True)
    return tuple(Turn(*span) for span in spans)[::-1]


def turns_words(found: tuple[Turn, ...]) -> str:
    """In one clause: "big up to a price of 0.30, small above". Without those that are chosen only
    at prices that no setting states, below -1 or above 1."""
    within = [turn for turn in found if _is_within(turn)]
    clauses = [f"{turn.expert} up to {price_words(turn.up_to or 0.0)}" for turn in within[:-1]]
    last = f"{within[-1].expert} {'above' if clauses else 'at any price'}"
    return ", ".join([*clauses, last])


def _is_within(turn: Turn) -> bool:
    return (turn.up_to is None or turn.up_to >= -1) and (turn.above is None or turn.above < 1)


def price_words(price: float) -> str:
    """In two decimals, a smaller one in two digits."""
    return f"{price:.2f}" if price == 0 or abs(price) >= 0.01 else f"{price:.2g}"


def _usable(decision: Decision, candidates: Candidates) -> Places:
    """The places of the experts that the rule chose among."""
    assert decision.grounds is not None
    left = np.array([name not in decision.excluded for name in candidates.names], dtype=np.bool_)
    in_cloud = left & candidates.traits.in_cloud
    if decision.grounds.constraints.placement == Placement.PREFER_IN_CLOUD and in_cloud.any():
        left = in_cloud
    return left.nonzero()[0]


def _hull(quality: Float64s, expense: Float64s, rank: Places) -> list[int]:
    """The corners of the upper hull, the least expense first. Of equals the first by `rank`."""
    corners: list[int] = []
    for at in np.lexsort((rank, -quality, expense)).tolist():
        if corners and expense[at] == expense[corners[-1]]:
            continue  # no better than the one that is as dear
        while len(corners) > 1 and not _right_turn(quality, expense, (*corners[-2:], at)):
            corners.pop()
        corners.append(at)
    return corners


def _right_turn(quality: Float64s, expense: Float64s, three: tuple[int, int, int]) -> bool:
    """Whether the slope falls from the first two to the last two."""
    a, b, c = three
    first = (quality[b] - quality[a]) * (expense[c] - expense[b])
    return bool(first > (quality[c] - quality[b]) * (expense[b] - expense[a]))
