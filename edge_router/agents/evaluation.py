"""How well an AgentRouter does on labelled requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .ranking.abstention import FALSE_ALARMS, Abstention
from .router import AgentRouter

__all__ = ["evaluated"]


def evaluated(
    router: AgentRouter, rows: Sequence[tuple[str, str | None]], *, calibrate: bool = False
) -> dict[str, Any]:
    """Accuracy in scope, false alarms and recall out of scope; None where nothing is measured.

    `rows` are requests with the names of their agents, None for out of scope. An agent that is not
    enabled can only be missed, so such names are listed as `not_enabled`. With `calibrate` the
    router's threshold is set from them first: the figures are then optimistic.
    """
    started = time.perf_counter()
    ranked = [router.rank(text, most=1) for text, _ in rows]
    seconds = time.perf_counter() - started
    enabled = set(router.catalog.view().names)
    inside = np.array([name is not None for _, name in rows])
    confidence = np.array([one.confidence for one in ranked])
    right = np.array([one.best == name for one, (_, name) in zip(ranked, rows, strict=True)])
    if calibrate:
        within, beyond = confidence[inside].tolist(), confidence[~inside].tolist()
        router.abstention = Abstention.fit(within, beyond, false_alarms=FALSE_ALARMS)
        router.clear_cache()
    kept = confidence >= router.abstention.threshold
    return {
        "requests": len(rows),
        "accuracy_without_abstention": _mean(right[inside]),
        "accuracy_in_scope": _mean((right & kept)[inside]),
        "false_alarms": _mean(~kept[inside]),
        "out_of_scope_recall": _mean(~kept[~inside]),
        "not_enabled": sorted({name for _, name in rows if name is not None} - enabled),
        "milliseconds_each": round(seconds / len(rows) * 1e3, 2) if rows else None,
    }


def _mean(flags: Any) -> float | None:
    return float(flags.mean()) if len(flags) else None
