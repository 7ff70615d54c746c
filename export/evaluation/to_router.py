"""TO-Router's table: total cost, throughput, similarity and NLL of experts and routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s

from .contenders import Predictions
from .tasks.measurements import Measurements
from .tasks.task import Task

__all__ = ["to_router_table"]


def to_router_table(task: Task, decided: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """One row per expert that answers all, then one per contender (TO-Router, section 4.1).

    `cost_usd` is the sum over the test queries, `tokens_per_s` the mean over them of output tokens
    per second, `similarity`, `nll` and `score` are means. What is not known of every answer is
    None. Empty where nothing but scores is known. Raises BadData for a missing price.
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
    rows += [_row(name, "router", decision.shares, columns) for name, decision in decided.items()]
    return rows


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
