"""Parity: how far the decisions and the AUC of the int8 encoder differ from the fp32 one's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

from ..data.rows import BadData
from ..training.heads import LinearHead

__all__ = ["MAX_AUC_DROP", "MAX_FLIP_RATE", "ParityFailed", "parity", "require_parity"]


MAX_FLIP_RATE = 0.01  # on the mean over the pairs, at each operating point
MAX_PAIR_FLIP_RATE = 0.025  # of the worst pair: its gains may crowd about the price
MAX_AUC_DROP = 0.005
ENOUGH = 1000  # queries: of fewer, a rate is known only roughly
FEWEST = 10  # right answers, and wrong ones
SIDE = 1.645  # standard errors above a limit that one rate in twenty is by chance
RIGHT = 0.5


class ParityFailed(BadData):
    """The int8 graph decides otherwise than the fp32 graph, or worse, by more than is allowed."""


def require_parity(checked: Mapping[str, Any]) -> None:
    """Raise ParityFailed when decisions flip by more than MAX_FLIP_RATE on the mean over the pairs,
    or MAX_PAIR_FLIP_RATE for one of them, at any operating point, or any profile's AUC drops by
    more than MAX_AUC_DROP. On fewer than ENOUGH queries a rate is refused only where chance does
    not explain it."""
    queries = checked["queries"]
    for profile, drop in checked["auc_drop"].items():
        if drop > _most(MAX_AUC_DROP, queries):
            raise ParityFailed(
                f"the AUC of {profile} drops by {drop:.4f} in int8, {MAX_AUC_DROP} may"
            )
    for point, pairs in checked["flip_rate"].items():
        worst = max(pairs, key=pairs.__getitem__)
        mean = sum(pairs.values()) / len(pairs)
        for which, rate, most in (
            ("on the mean", mean, MAX_FLIP_RATE),
            (worst, pairs[worst], MAX_PAIR_FLIP_RATE),
        ):
            if rate > _most(most, queries):
                raise ParityFailed(
                    f"{rate:.2%} of the decisions {which} at {point!r} flip between int8 and "
                    f"fp32, {_most(most, queries):.1%} may; give the recipe more epochs, or the "
                    "graph finer steps in exact_graph.py"
                )


def _most(limit: float, queries: int) -> float:
    """A limit on a rate, with what chance adds to it on few queries."""
    if queries >= ENOUGH:
        return limit
    return limit + SIDE * math.sqrt(limit / max(1, queries))


def parity(
    int8: Float64s,
    fp32: Float64s,
    heads: Mapping[str, LinearHead],
    calibration: Mapping[str, Any],
    *,
    scores: Mapping[str, Float64s],
) -> dict[str, Any]:
    """Compare representations (queries, dim) of the two graphs for the same queries.

    Gives the share of decisions that flip, for every operating point and pair of profiles (the
    stronger one at the full price), how far
    estimates differ on the mean and at most, and how much less well they order good and bad
    answers: `scores[profile]` (queries,), NaN where not known, right from 0.5. On fewer than ENOUGH
    queries that is left out where fewer than FEWEST answers are good, or bad: one of them is all.
    """
    temperature = calibration["temperature"]
    quality = [
        {name: sigmoid(head.log_odds(vectors) / temperature) for name, head in heads.items()}
        for vectors in (int8, fp32)
    ]
    flips = {
        point: {
            f"{weak}>{strong}": _flip_rate(quality, weak, strong, settings["price"])
            for weak, strong in combinations(heads, 2)
        }
        for point, settings in calibration["operating_points"].items()
    }
    return {
        "queries": len(int8),
        "mean_cosine": float(np.mean(_cosine(int8, fp32))),
        "max_quality_difference": max(
            float(np.abs(quality[0][name] - quality[1][name]).max()) for name in heads
        ),
        "mean_quality_difference": float(
            np.mean([np.abs(quality[0][name] - quality[1][name]).mean() for name in heads])
        ),
        "flip_rate": flips,
        "auc_drop": {
            name: _auc(quality[1][name], known) - _auc(quality[0][name], known)
            for name, known in scores.items()
            if _rarer(known) >= (1 if len(int8) >= ENOUGH else FEWEST)
        },
    }


def _rarer(scores: Float64s) -> int:
    """How many answers are right, or wrong, whichever are fewer."""
    right = scores[~np.isnan(scores)] >= RIGHT
    return int(min(right.sum(), (~right).sum()))


def _auc(quality: Float64s, scores: Float64s) -> float:
    """Chance that a right answer's estimate lies above a wrong one's; ties count half."""
    seen = ~np.isnan(scores)
    right = scores[seen] >= RIGHT
    _, group, size = np.unique(quality[seen], return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    wins = rank[right].sum() - right.sum() * (right.sum() + 1) / 2
    return float(wins / (right.sum() * (~right).sum()))


def _flip_rate(quality: list[dict[str, Float64s]], weak: str, strong: str, price: float) -> float:
    int8, fp32 = (q[strong] - q[weak] >= price for q in quality)
    return float((int8 != fp32).mean())


def _cosine(a: Float64s, b: Float64s) -> Float64s:
    product: Float64s = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return product
