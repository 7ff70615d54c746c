"""Which experts make a pool, and what the best of them could reach together (RouterEval)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle, product
from math import comb, prod
from typing import Literal

import numpy as np

from edge_router.routing.arrays import Bools, Float64s, Places

__all__ = [
    "POOL_SIZES",
    "PoolKind",
    "Scaling",
    "best_pool",
    "candidates",
    "known_together",
    "options",
    "scaling",
]

MIN_SCORE, MAX_SCORE = 0.1, 0.9
KNOWN_SHARE = 0.5
TOGETHER_SHARE = 0.8  # of a table's rows that know all experts of its pools
EXTREME_SHARE = 0.2
EXHAUSTIVE = 2000  # pools tried one by one; of more, one is found step by step
POOL_SIZES = (3, 5, 10, 100, 1000)  # RouterEval's, easy and hard
HELPS = 1e-12  # a smaller gain is rounding
SIZES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
PROBABILITIES = (0.0, 0.25, 0.5, 0.75, 1.0)

PoolKind = Literal["all-strong", "all-weak", "strong-to-weak"]


def candidates(scores: Float64s, train: Bools) -> Places:
    """The columns that may stand in a pool, from the weakest to the strongest.

    `scores` (queries, experts), NaN where not known; `train` (queries,). Experts that are
    `known_together`, and whose mean over the rows of the train split that know them all lies in
    0.1..0.9.
    """
    known = ~np.isnan(scores)
    chosen = known_together(known)
    rows = train & known[:, chosen].all(axis=1)
    if not len(chosen) or not rows.any():
        return np.array([], dtype=np.intp)
    means = scores[np.ix_(rows, chosen)].mean(axis=0)
    order = np.argsort(means, kind="stable")
    ranked: Places = chosen[order[(means[order] >= MIN_SCORE) & (means[order] <= MAX_SCORE)]]
    return ranked


def known_together(known: Bools) -> Places:
    """Experts to compare on the rows that know all of them.

    They are added, the best known first, as long as 80 % of the rows know them all. Where most of
    a table's experts were asked a part of its rows only, these are taken with that part: as many
    of the best known as make the most cells.
    """
    order = np.argsort(-known.sum(axis=0), kind="stable")
    chosen: list[int] = []
    rows = np.ones(len(known), dtype=bool)
    for expert in order.tolist():
        together = rows & known[:, expert]
        if together.mean() >= TOGETHER_SHARE:
            chosen.append(expert)
            rows = together
    if len(chosen) < KNOWN_SHARE * known.any(axis=0).sum():
        rows_left = np.logical_and.accumulate(known[:, order], axis=1).sum(axis=0)
        cells = rows_left * np.arange(1, len(order) + 1)
        chosen = order[: int(cells.argmax()) + 1].tolist()
    return np.array(sorted(chosen), dtype=np.intp)


def options(ranked: Places, size: int) -> dict[PoolKind, list[Places]]:
    """For each kind of pool, the candidates for each of its `size` places.

    `ranked` from the weakest to the strongest. A kind that has too few candidates is left out.
    """
    extreme = int(EXTREME_SHARE * len(ranked))
    pools: dict[PoolKind, list[Places]] = {}
    if extreme >= size:
        pools["all-strong"] = [ranked[-extreme:]] * size
        pools["all-weak"] = [ranked[:extreme]] * size
    if len(ranked) >= size:
        pools["strong-to-weak"] = list(np.array_split(ranked, size))
    return pools


def best_pool(scores: Float64s, places: Sequence[Places]) -> Places:
    """The pool with the best oracle (RouterEval, equation 4), one expert for each place.

    `scores` (queries, experts), none missing in the columns that `places` names. All pools are
    tried where there are few, else place after place takes what helps most, and then experts are
    swapped until no swap of one helps.
    """
    same = all(place is places[0] for place in places)
    count = comb(len(places[0]), len(places)) if same else prod(map(len, places))
    if count > EXHAUSTIVE:
        return _swapped(scores, places, _greedy_pool(scores, places))
    pools: Iterable[tuple[int, ...]] = (
        combinations(places[0].tolist(), len(places))
        if same
        else product(*(place.tolist() for place in places))
    )
    return np.array(max(pools, key=lambda pool: _oracle(scores[:, list(pool)])), dtype=np.intp)


def _oracle(scores: Float64s) -> float:
    return float(scores.max(axis=1).mean())


def _greedy_pool(scores: Float64s, places: Sequence[Places]) -> Places:
    chosen: list[int] = []
    best = np.full(len(scores), -np.inf)
    for place in places:
        free = [expert for expert in place.tolist() if expert not in chosen]
        reached = np.maximum(best[:, None], scores[:, free]).mean(axis=0)  # (free,)
        chosen.append(free[int(reached.argmax())])
        best = np.maximum(best, scores[:, chosen[-1]])
    return np.array(chosen, dtype=np.intp)


def _swapped(scores: Float64s, places: Sequence[Places], pool: Places) -> Places:
    """The pool after swaps of one expert at a time for what helps most at its place."""
    chosen, reached, idle = pool.tolist(), _oracle(scores[:, pool]), 0
    for at in cycle(range(len(chosen))):
        others = chosen[:at] + chosen[at + 1 :]
        free = [expert for expert in places[at].tolist() if expert not in others]
        rest = scores[:, others].max(axis=1, initial=-np.inf)
        oracles = np.maximum(rest[:, None], scores[:, free]).mean(axis=0)  # (free,)
        best = int(oracles.argmax())
        if oracles[best] > reached + HELPS:
            chosen[at], reached, idle = free[best], float(oracles[best]), 0
        else:
            idle += 1
        if idle == len(chosen):
            break
    return np.array(chosen, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a router's score grows with the number of experts (RouterEval, section 3, figure 2).

    `mean`, `low` and `high` (probabilities, sizes): mean score of r_o(p), and the 2.5 and 97.5
    percentiles, over random pools of each size. `best_single` is the best expert of all.
    """

    table: str
    rows: int
    experts: int
    pools: int
    probabilities: tuple[float, ...]
    sizes: tuple[int, ...]
    mean: Float64s
    low: Float64s
    high: Float64s
    best_single: float


def scaling(table: str, scores: Float64s, *, pools: int = 100, seed: int = 0) -> Scaling:
    """Mean scores of r_o(p) over `pools` random pools; `scores` (queries, experts), none missing.

    r_o(p) is linear in p, so its expectation is exact and only the pools are sampled.
    """
    random = np.random.default_rng(seed)
    count = scores.shape[1]
    sizes = (*(size for size in SIZES if size < count), count)
    accuracies = np.empty((len(PROBABILITIES), len(sizes), pools))
    share = np.array(PROBABILITIES)
    for number, size in enumerate(sizes):
        for pool in range(pools):
            part = scores[:, random.choice(count, size, replace=False)]
            accuracies[:, number, pool] = share * _oracle(part) + (1 - share) * part.mean()
    low, high = np.percentile(accuracies, [2.5, 97.5], axis=2)
    return Scaling(
        table=table,
        rows=len(scores),
        experts=count,
        pools=pools,
        probabilities=PROBABILITIES,
        sizes=sizes,
        mean=accuracies.mean(axis=2),
        low=low,
        high=high,
        best_single=float(scores.mean(axis=0).max()),
    )
