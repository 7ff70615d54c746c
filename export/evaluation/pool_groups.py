"""RouterEval's tables: the mean of each measure over a table's groups of pools of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["pool_groups"]

MEASURES = ("mu_o", "v_r", "v_b", "e_p")


def pool_groups(tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each table and size of pool, from the results of tasks as JSON.

    RouterEval's figures are means over all-strong, all-weak and strong-to-weak (section 4.2);
    `groups` says which of them the table had experts for.
    """
    pools = [task for task in tasks if task["kind"] != "pair"]
    places = dict.fromkeys((task["table"], len(task["experts"])) for task in pools)
    return [_entry(table, size, pools) for table, size in places]


def _entry(table: str, size: int, pools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    mine = [one for one in pools if (one["table"], len(one["experts"])) == (table, size)]
    results = {
        name: {measure: _mean([one["results"][name][measure] for one in mine])
               for measure in MEASURES}
        for name in mine[0]["results"]
    }  # fmt: skip
    return {
        "table": table,
        "size": size,
        "groups": [one["kind"] for one in mine],
        "reference": mine[0]["reference"],
        "results": results,
    }


def _mean(intervals: Sequence[Sequence[float | None] | None]) -> float | None:
    values = [ends[0] for ends in intervals if ends and ends[0] is not None]
    return round(float(np.mean(values)), 6) if len(values) == len(intervals) else None
