"""A router's APGR on one pair of a table, beside random, task only and the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from edge_router.routing.arrays import Bools, Float64s

from ..data.outcome_set import OutcomeSet
from .apgr import Interval, apgr, apgr_difference, bootstrap

__all__ = ["evaluate_table", "leaderboard", "mean_apgr"]


def evaluate_table(
    outcomes: OutcomeSet,
    table: str,
    weak: str,
    strong: str,
    gains: Float64s,
    *,
    split: str | None = "test",
) -> dict[str, Any]:
    """APGR on one split of a table with 95 % bootstrap intervals, for the router and baselines.

    Without a `split` all rows count, for gains that were fitted on none of them; task-only, which
    would be, is then left out.

    `gains` (queries of `outcomes`,) are the router's expected gains. Random has no order, prompt
    length sends the longest first, task-only the tasks with the largest mean gain on `train`, the
    oracle those where the strong expert really gained most.
    """
    both = ~np.isnan(outcomes.column(weak)) & ~np.isnan(outcomes.column(strong))
    here = (outcomes.tables == table) & both
    test = here & ((outcomes.splits == split) if split else True)
    low = outcomes.column(weak)[test].astype(np.float64)
    high = outcomes.column(strong)[test].astype(np.float64)
    orders = {
        "router": gains[test],
        "random": np.zeros(len(low)),
        "prompt length": outcomes.characters[test].astype(np.float64),
        "oracle": high - low,
    }
    if split:
        train = here & (outcomes.splits == "train")
        orders["task only"] = _task_gains(outcomes, train, weak, strong)[test]
    intervals = {name: _interval(order, low, high) for name, order in orders.items()}
    return {
        "table": table,
        "weak": weak,
        "strong": strong,
        "queries": len(low),
        "weak_score": float(low.mean()),
        "strong_score": float(high.mean()),
        "apgr": {name: list(astuple(interval)) for name, interval in intervals.items()},
        "above_length": list(
            astuple(apgr_difference(orders["router"], orders["prompt length"], low, high))
        ),
    }


def _interval(order: Float64s, weak: Float64s, strong: Float64s) -> Interval:
    return bootstrap(lambda rows: apgr(order[rows], weak[rows], strong[rows]), len(order))


def _task_gains(outcomes: OutcomeSet, train: Bools, weak: str, strong: str) -> Float64s:
    """Mean gain of each row's task kind over the training rows, their mean for unseen kinds."""
    gain = (outcomes.column(strong) - outcomes.column(weak))[train]
    kinds = outcomes.kinds[train]
    mean = {kind: float(gain[kinds == kind].mean()) for kind in set(kinds.tolist())}
    return np.array([mean.get(kind, float(gain.mean())) for kind in outcomes.kinds.tolist()])


def mean_apgr(results: Sequence[Mapping[str, Any]], name: str = "router") -> float:
    """The mean over tables."""
    return float(np.mean([result["apgr"][name][0] for result in results]))


def leaderboard(results: Sequence[Mapping[str, Any]]) -> str:
    """The results as a Markdown table."""
    names = list(results[0]["apgr"])
    lines = [
        f"| table | weak / strong | n | {' | '.join(names)} | above length |",
        "|---" * (4 + len(names)) + "|",
    ]
    for result in results:
        cells = [str(Interval(*result["apgr"][name])) for name in names]
        cells.append(str(Interval(*result["above_length"])))
        experts = f"{result['weak']} / {result['strong']}"
        lines.append(
            f"| {result['table']} | {experts} | {result['queries']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)
