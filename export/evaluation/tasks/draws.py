"""Resamples of a task's test rows: of all, of each language and of each quarter by length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from zlib import crc32

import numpy as np

from edge_router.routing.arrays import Places

from ...metrics.apgr import Counts, draw_counts
from .task import Task

__all__ = ["Draws", "Group"]


@dataclass(frozen=True, slots=True)
class Group:
    """Some of a task's test rows: `rows` (group,) and their resamples (repeats, group)."""

    name: str
    rows: Places
    counts: Counts


@dataclass(frozen=True, slots=True)
class Draws:
    """The resamples of a task's test rows, the same for every contender, so that they pair up."""

    counts: Counts
    languages: tuple[Group, ...]
    lengths: tuple[Group, ...]

    @classmethod
    def of(cls, task: Task, *, repeats: int, seed: int) -> Draws:
        draw = partial(draw_counts, repeats=repeats, seed=[seed, crc32(task.table.encode())])
        groups = (
            tuple(Group(name, rows, draw(len(rows))) for name, rows in named.items())
            for named in (_languages(task), _length_quarters(task))
        )
        return cls(draw(len(task.test)), *groups)


def _languages(task: Task) -> dict[str, Places]:
    """Rows of each language, the most frequent first."""
    names, sizes = np.unique(task.langs, return_counts=True)
    return {
        str(name): np.flatnonzero(task.langs == name)
        for name in names[np.argsort(-sizes, kind="stable")]
    }


def _length_quarters(task: Task) -> dict[str, Places]:
    """Rows between the quartiles of the queries' characters."""
    quarter = np.searchsorted(np.quantile(task.characters, [0.25, 0.5, 0.75]), task.characters)
    groups = [np.flatnonzero(quarter == number) for number in range(4)]
    return {
        f"{task.characters[rows].min()} to {task.characters[rows].max()} characters": rows
        for rows in groups
        if len(rows)
    }
