"""Prices that keep their targets with a stated confidence: Learn then Test.

Angelopoulos, Bates, Candès, Jordan and Lei 2021. Every price of a fixed grid is a hypothesis,
"a target is missed here". They are tested in an order that was fixed beforehand, from the end
where the target is safest, until the first one stands; what was rejected before keeps the target,
all of it at once, with probability 1 - delta over the draw of the queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from edge_router.errors import OutcomesUnusable
from edge_router.routing.arrays import Bools, Float64s, Places

from .bounds import binomial_cdf, mean_is_below
from .evidence import Evidence
from .targets import Quantity, Target

__all__ = [
    "GRID",
    "LATE",
    "Risk",
    "along_grid",
    "chosen",
    "control",
    "fixed_sequence",
    "from_end",
    "most_usd",
    "risks",
    "risks_hold",
    "searches",
    "shuffled",
    "useful",
]

Array = TypeVar("Array", Float64s, Bools)
End = Literal["strong", "weak"]

GRID: Float64s = np.linspace(-1.0, 1.0, 401).round(3)  # from always to never asking the dearer one
LATE = 0.05  # of the answers may take longer than a 95th percentile
SEED = 0  # of the shuffle; a choice of it would be a choice of the result
DEAREST = 2.0  # times the dearest query seen is taken for the most that one can cost


@dataclass(frozen=True, slots=True)
class Risk:
    """What a target asks of a price: a loss whose mean is at most `level`.

    `cheaper` and `dearer` (queries,) are the loss of asking either expert, at most `ceiling`; where
    samples are many, (samples, queries).
    `counted` ones are 0 or 1. `ends` are where the search starts.
    """

    target: Target
    cheaper: Float64s
    dearer: Float64s
    level: float
    ceiling: float
    ends: tuple[End, ...]
    counted: bool = False

    def means(self, turns: Float64s) -> Float64s:
        """Mean loss (prices,) of the queries."""
        return along_grid(turns, self.cheaper, self.dearer)

    def variances(self, turns: Float64s) -> Float64s:
        """(prices,) of the queries' losses."""
        squares = along_grid(turns, self.cheaper**2, self.dearer**2)
        variances: Float64s = np.maximum(squares - self.means(turns) ** 2, 0.0)
        return variances


def along_grid(turns: Float64s, cheaper: Float64s, dearer: Float64s) -> Float64s:
    """The mean at each price (prices,) of `dearer` where a query turns there or above, else of
    `cheaper`.

    All arrays (queries,); (samples, queries) give (samples, prices).
    """
    if turns.ndim > 1:
        return np.stack([along_grid(*one) for one in zip(turns, cheaper, dearer, strict=True)])
    order = np.argsort(turns, kind="stable")
    below = np.searchsorted(turns[order], GRID, side="left")
    left, right = (np.concatenate([[0.0], np.cumsum(side[order])]) for side in (cheaper, dearer))
    mean: Float64s = (left[below] + right[-1] - right[below]) / len(turns)
    return mean


def risks(
    targets: Sequence[Target], evidence: Evidence, *, max_cost_usd: float | None = None
) -> tuple[Risk, ...]:
    """One risk a target. Raises OutcomesUnusable where costs are not known.

    `max_cost_usd` is the most that one query can cost; without it, twice the dearest one seen.
    """
    return tuple(_risk(target, evidence, max_cost_usd) for target in targets)


def _risk(target: Target, evidence: Evidence, max_cost_usd: float | None) -> Risk:
    if target.quantity is Quantity.QUALITY:
        return _quality_risk(target, evidence)
    if target.quantity is Quantity.STRONG_CALLS:
        asked = np.ones(evidence.turns.shape)
        sides = evidence.by_expense(asked * 0, asked)
        return Risk(target, *sides, target.bound, 1.0, ("weak",), counted=True)
    if target.quantity is Quantity.COST:
        costs = (_known(side.cost_usd) for side in (evidence.weak, evidence.strong))
        most = most_usd(evidence, max_cost_usd)
        return Risk(target, *evidence.by_expense(*costs), target.bound, most, ("weak",))
    late = (
        (side.latency_s > target.bound).astype(np.float64)
        for side in (evidence.weak, evidence.strong)
    )
    # nobody knows beforehand which of the two is the faster: a search from both ends
    ends: tuple[End, ...] = ("strong", "weak")
    return Risk(target, *evidence.by_expense(*late), LATE, 1.0, ends, counted=True)


def _quality_risk(target: Target, evidence: Evidence) -> Risk:
    """mean(routed) >= share * mean(strong) is E[share * strong - routed] <= 0.

    The loss lies between -1 (only the weak answer is good, and it is taken) and the share (only
    the strong one is good, and it is not taken).
    """
    due = target.bound * evidence.strong.scores
    losses = (due - side.scores for side in (evidence.weak, evidence.strong))
    return Risk(target, *evidence.by_expense(*losses), 0.0, target.bound, ("strong",))


def _known(costs: Float64s | None) -> Float64s:
    if costs is None:
        raise OutcomesUnusable(
            "a target on cost needs prices: set input_usd_per_million and output_usd_per_million "
            "of both experts, or give outcomes with cost_usd"
        )
    return costs


def most_usd(evidence: Evidence, max_cost_usd: float | None = None) -> float:
    """The most that one query is taken to cost: what the promise on cost assumes."""
    dearest = max(float(_known(side.cost_usd).max()) for side in (evidence.weak, evidence.strong))
    return max(dearest, DEAREST * dearest if max_cost_usd is None else max_cost_usd)


def control(
    evidence: Evidence,
    targets: Sequence[Target],
    *,
    confidence: float,
    max_cost_usd: float | None = None,
) -> float | None:
    """The price that keeps all `targets` together with `confidence` (0..1); None if none does.

    It is the highest one where quality is a target, else the lowest; prices at which one of the two
    experts is always asked, the one that is safe anyway, do not count.
    Raises OutcomesUnusable where costs are not known.
    """
    asked = risks(targets, evidence, max_cost_usd=max_cost_usd)
    good = risks_hold(asked, evidence.turns, 1 - confidence) & useful(targets, evidence.turns)
    return float(GRID[chosen(targets, good)]) if good.any() else None


def chosen(targets: Sequence[Target], good: Bools) -> Places:
    """Of good prices (..., prices) the number of the one to take, where there is any."""
    if _cheapest(targets):
        return np.asarray(good.shape[-1] - 1 - np.argmax(good[..., ::-1], axis=-1))
    return np.asarray(np.argmax(good, axis=-1))


def useful(targets: Sequence[Target], turns: Float64s) -> Bools:
    """Prices (prices,) at which not just the expert is always asked that is safe anyway."""
    calls = along_grid(turns, np.zeros(turns.shape), np.ones(turns.shape))
    return calls < 1 if _cheapest(targets) else calls > 0


def _cheapest(targets: Sequence[Target]) -> bool:
    return any(target.quantity is Quantity.QUALITY for target in targets)


def risks_hold(asked: Sequence[Risk], turns: Float64s, delta: float) -> Bools:
    """(..., prices) where all risks are kept together, with probability 1 - delta.

    `delta` is shared out evenly among the sequences of `searches`.
    """
    groups = searches(asked)
    share = delta / sum(len(ends) for _, ends in groups)
    held = [_held([_refuted(risk, turns, share) for risk in group], ends) for group, ends in groups]
    return reduce(np.logical_and, held)


def searches(asked: Sequence[Risk]) -> list[tuple[list[Risk], tuple[End, ...]]]:
    """Which risks are tested together, and from which ends: each end makes one sequence.

    Quality from the strong end, cost and strong calls from the weak end, latency from both.
    """
    ends = {risk.ends for risk in asked}
    return [([risk for risk in asked if risk.ends == end], end) for end in sorted(ends)]


def _held(refuted: Sequence[Bools], ends: Sequence[End]) -> Bools:
    every = reduce(np.logical_and, refuted)
    return reduce(np.logical_or, [from_end(fixed_sequence, every, end) for end in ends])


def fixed_sequence(rejected: Bools) -> Bools:
    """Of hypotheses in a fixed order along the last axis, those before the first that stands.

    Each tested at delta, all together at delta (Angelopoulos et al. 2021, section 3.2): to be
    wrong at all, the first false rejection must happen.
    """
    before: Bools = np.logical_and.accumulate(rejected, axis=-1)
    return before


def from_end(run: Callable[[Array], Array], along: Array, end: End) -> Array:
    """`run` over the prices (prices,) in the order of a sequence."""
    return run(along) if end == "strong" else run(along[..., ::-1])[..., ::-1]


def _refuted(risk: Risk, turns: Float64s, delta: float) -> Bools:
    """(prices,) where "the risk is missed" is refuted at `delta`."""
    rows = turns.shape[-1]
    if risk.counted:
        counts = np.rint(risk.means(turns) * rows).astype(np.int64)
        refuted: Bools = binomial_cdf(rows, risk.level)[counts] <= delta
        return refuted
    return mean_is_below(
        _row_by_row(risk, turns), rows, level=risk.level, ceiling=risk.ceiling, delta=delta
    )


def _row_by_row(risk: Risk, turns: Float64s) -> Iterator[Float64s]:
    for row in shuffled(turns.shape[-1]).tolist():
        at = (..., slice(row, row + 1))  # keeps an axis for the prices
        yield np.where(turns[at] >= GRID, risk.dearer[at], risk.cheaper[at])


def shuffled(rows: int) -> npt.NDArray[np.int64]:
    """The numbers of all rows in an order that knows nothing of them, the same every time."""
    return np.random.default_rng(SEED).permutation(rows)
