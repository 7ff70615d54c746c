"""Holds out a tenth of the training rows to choose a setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s

__all__ = ["Indices", "best_setting", "lift_error", "split_off"]

Indices = npt.NDArray[np.int64]
Setting = TypeVar("Setting")


def split_off(rows: int, *, seed: int) -> tuple[Indices, Indices]:
    """Row numbers to learn from and row numbers held out: a tenth, and never none."""
    order = np.random.default_rng(seed).permutation(rows)
    held = max(1, rows // 10)
    return order[held:], order[:held]


def lift_error(predicted: Float64s, scores: Float64s) -> float:
    """Mean squared error of what each expert scores above the query's mean expert.

    Only that decides a choice: how hard a query is for everybody does not. Both (queries, experts).
    """
    error = predicted - scores
    return float(np.mean((error - error.mean(axis=1, keepdims=True)) ** 2))


def best_setting(
    settings: Sequence[Setting], predict: Callable[[Setting], Float64s], scores: Float64s
) -> Setting:
    """The setting whose predictions of the held-out `scores` have the least lift error."""
    return min(settings, key=lambda setting: lift_error(predict(setting), scores))
