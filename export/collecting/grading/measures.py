"""Measures answers, a piece at a time, in this process or on a node of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence

from ...data.grade import grade
from ..similarity import similarities
from .task import Task

__all__ = ["Values", "measured"]

Values = dict[str, dict[str, float]]
"""Numbers by measure and expert, as outcome rows have them."""


def measured(tasks: Sequence[Task]) -> list[Values]:
    """What the answers of each task are worth; the same on every machine with the same CPU."""
    near = _similarities(tasks)
    return [
        {
            "score": {
                name: grade(task.metric, task.answers[name], task.gold)
                for name, measures in task.wanted.items()
                if "score" in measures
            },
            "similarity": {
                name: near[number, name]
                for name, measures in task.wanted.items()
                if "similarity" in measures
            },
        }
        for number, task in enumerate(tasks)
    ]


def _similarities(tasks: Sequence[Task]) -> dict[tuple[int, str], float]:
    """By the number of a task and expert."""
    pairs = {
        (number, name): (task.answers[name], task.reference)
        for number, task in enumerate(tasks)
        for name, measures in task.wanted.items()
        if "similarity" in measures
    }
    return dict(zip(pairs, similarities(list(pairs.values())), strict=True))
