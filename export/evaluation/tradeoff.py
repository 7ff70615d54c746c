"""Cost against quality over a router's settings, for tables whose answers have a price."""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Float64s

from ..metrics.apgr import Counts, GapCurve, aiq
from .contenders import Predictions, pick
from .tasks.task import Task

__all__ = ["SHARES", "cost_quality", "resampled_aiq"]

SHARES = np.linspace(0, 1, 21)


def cost_quality(
    task: Task, predictions: Predictions, costs: Float64s, counts: Counts
) -> tuple[Float64s, Float64s]:
    """Mean dollars and mean score per query at 21 settings, both (resamples, settings).

    A pair sends 0 to 100 % of its calls to the strong expert. A pool subtracts more and more of
    each expert's mean cost from its utility, from all of it to none (RouterBench, Hu et al. 2024,
    section 3.3). `costs` (test queries, experts).
    """
    if task.kind == "pair":
        gains = predictions.utilities[:, 1] - predictions.utilities[:, 0]
        paid = GapCurve.of(gains, costs[:, 0], costs[:, 1], counts)
        score = GapCurve.of(gains, task.test.scores[:, 0], task.test.scores[:, 1], counts)
        return _along(paid), _along(score)
    picks = [pick(utilities) for utilities in _thriftier(predictions.utilities, costs)]
    paid_rows = np.array([(shares * costs).sum(axis=1) for shares in picks])
    score_rows = np.array([(shares * task.test.scores).sum(axis=1) for shares in picks])
    total = counts.sum(axis=1, keepdims=True)
    return counts @ paid_rows.T / total, counts @ score_rows.T / total


def _along(curve: GapCurve) -> Float64s:
    return np.stack([curve.score(share) for share in SHARES.tolist()], axis=1)


def _thriftier(utilities: Float64s, costs: Float64s) -> list[Float64s]:
    """Utilities that mind the cost only, then less and less, then not at all."""
    mean = costs.mean(axis=0)  # (experts,)
    scale = utilities.std() or 1.0
    price = mean / (mean.std() or 1.0) * scale
    return [share * utilities - (1 - share) * price for share in SHARES.tolist()]


def resampled_aiq(
    task: Task, predictions: Predictions, costs: Float64s, counts: Counts
) -> Float64s:
    """(resamples,) AIQ between the mean costs of the cheapest and of the dearest expert."""
    paid, score = cost_quality(task, predictions, costs, counts)
    each = counts @ costs / counts.sum(axis=1, keepdims=True)  # (resamples, experts)
    ends = zip(each.min(axis=1).tolist(), each.max(axis=1).tolist(), strict=True)
    return np.array([aiq(x, y, *end) for x, y, end in zip(paid, score, ends, strict=True)])
