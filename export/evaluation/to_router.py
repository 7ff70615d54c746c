"""TO-Router's table: total cost, throughput, similarity and NLL of experts and routers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s

from .contenders import Predictions, pick
from .tasks.measurements import Measurements
from .tasks.task import Task

__all__ = ["to_router_table"]


LEAST = ("cost_usd", "nll")  # of the columns; of the others the most is the best


def to_router_table(
    task: Task, decided: Mapping[str, Predictions], *, bounds: Collection[str] = ()
) -> list[dict[str, Any]]:
    """A row for each expert that answers all and each contender, two for Optimal (TO-Router, 4.4).

    `cost_usd` is the sum over the test queries, `tokens_per_s` the mean over them of output tokens
    per second, `similarity`, `nll` and `score` are means. What is not known of every answer is
    None. `bounds` are contenders that know the outcomes. The first Optimal asks the expert whose
    answer is the most similar, for every query; the other is the best of each column that any
    expert or any router reached. Empty where nothing but scores is known. Raises BadData for a
    missing price.
    """
    columns = _columns(task)
    if all(column is None for column in columns.values()):
        return []
    columns["score"] = task.test.scores
    alone = np.eye(len(task.experts))
    shares = {
        name: np.tile(alone[number], (len(task.test), 1))
        for number, name in enumerate(task.experts)
    }
    rows = [_row(name, "expert", cells, columns) for name, cells in shares.items()]
    rows += [
        _row(name, "bound" if name in bounds else "router", decision.shares, columns)
        for name, decision in decided.items()
    ]
    similarity = columns["similarity"]
    if similarity is not None:
        rows.append(_row("Optimal by similarity", "bound", pick(similarity), columns))
    return [*rows, _best_of_each(rows, columns)]


def _best_of_each(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Float64s | None]
) -> dict[str, Any]:
    reached = [row for row in rows if row["kind"] != "bound"]
    best = {
        column: (min if column in LEAST else max)(row[column] for row in reached)
        for column, values in columns.items()
        if values is not None
    }
    return {"name": "Optimal of each", "kind": "bound", **dict.fromkeys(columns), **best}


def _columns(task: Task) -> dict[str, Float64s | None]:
    """(test queries, experts) each; the total cost is the mean times the queries."""
    measured = task.measured
    if measured is None:
        return {}
    costs = task.costs()
    return {
        "cost_usd": None if costs is None else costs * len(costs),
        "tokens_per_s": _throughput(measured),
        "similarity": measured.known("similarity"),
        "nll": measured.known("nll"),
    }


def _throughput(measured: Measurements) -> Float64s | None:
    """Output tokens per second of each answer."""
    seconds, tokens = measured.known("latency_s"), measured.known("output_tokens")
    if seconds is None or tokens is None or (seconds <= 0).any():
        return None
    return tokens / seconds


def _row(
    name: str, kind: str, shares: Float64s, columns: Mapping[str, Float64s | None]
) -> dict[str, Any]:
    means = {
        column: None if values is None else float((shares * values).sum(axis=1).mean())
        for column, values in columns.items()
    }
    return {"name": name, "kind": kind, **means}
