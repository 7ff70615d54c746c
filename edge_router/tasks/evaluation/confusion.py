"""How good a task classifier is: accuracy, precision, recall and F1 from its confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s

from ..task_list import UNKNOWN

__all__ = ["MEASURES", "Confusion", "Measure"]

Counts = npt.NDArray[np.int64]

MEASURES = (
    "accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
)
RESAMPLES = 1000
MOST_CELLS = 4_000_000  # of all resamples' matrices together


@dataclass(frozen=True, slots=True)
class Measure:
    """A value in 0..1 with the ends of its 95 % bootstrap interval over the questions."""

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> list[float]:
        return [round(self.value, 6), round(self.low, 6), round(self.high, 6)]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """`counts` (tasks, tasks + 1): the true task by row, the named one by column, UNKNOWN last.

    UNKNOWN is never right. Macro means weigh all tasks alike, weighted ones by their questions; a
    task that was never named has the precision 0. Tasks without questions do not count.
    """

    tasks: tuple[str, ...]
    counts: Counts

    @classmethod
    def of(cls, true: Sequence[str], named: Sequence[str], tasks: Sequence[str]) -> Self:
        """From the true and the named task of each question; one that is not in `tasks` counts as
        UNKNOWN where it was named, and has a row of its own where it is true."""
        names = tuple(dict.fromkeys((*tasks, *true)))
        place = {name: number for number, name in enumerate(names)}
        counts = np.zeros((len(names), len(names) + 1), dtype=np.int64)
        for truth, answer in zip(true, named, strict=True):
            counts[place[truth], place.get(answer, len(names))] += 1
        return cls(names, counts)

    @property
    def questions(self) -> int:
        return int(self.counts.sum())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (*self.tasks, UNKNOWN)

    def measures(self, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Measure]:
        """Each of MEASURES, by name. Questions are resampled, which is to draw new counts."""
        values = _measured(self.counts[None])
        fits = max(1, min(resamples, MOST_CELLS // self.counts.size))
        random = np.random.default_rng(seed)
        cells = self.counts.ravel() / self.questions
        drawn = random.multinomial(self.questions, cells, size=fits)
        spread = _measured(drawn.reshape(fits, *self.counts.shape))
        ends = np.percentile(spread, [2.5, 97.5], axis=1)
        return {
            name: Measure(float(values[n, 0]), float(ends[0, n]), float(ends[1, n]))
            for n, name in enumerate(MEASURES)
        }

    def by_task(self) -> dict[str, dict[str, float]]:
        """Precision, recall, F1 and the number of questions of each task."""
        precision, recall, f1, support = (part[0] for part in _by_task(self.counts[None]))
        columns = zip(self.tasks, precision, recall, f1, support, strict=True)
        return {
            task: {
                "precision": round(float(p), 6),
                "recall": round(float(r), 6),
                "f1": round(float(f), 6),
                "questions": int(s),
            }
            for task, p, r, f, s in columns
        }

    def to_json(self) -> dict[str, Any]:
        measures = {name: one.to_json() for name, one in self.measures().items()}
        return {
            "questions": self.questions,
            "measures": measures,
            "by_task": self.by_task(),
            "confusion": {
                "columns": list(self.columns),
                "rows": dict(zip(self.tasks, self.counts.tolist(), strict=True)),
            },
        }


def _by_task(counts: Counts) -> tuple[Float64s, Float64s, Float64s, Float64s]:
    """Precision, recall, F1 and support, each (matrices, tasks), of (matrices, tasks, columns)."""
    right = np.diagonal(counts, axis1=1, axis2=2).astype(np.float64)
    named = counts[:, :, :-1].sum(axis=1).astype(np.float64)
    support = counts.sum(axis=2).astype(np.float64)
    precision = right / np.maximum(named, 1.0)
    recall = right / np.maximum(support, 1.0)
    f1 = 2 * right / np.maximum(named + support, 1.0)
    return precision, recall, f1, support


def _measured(counts: Counts) -> Float64s:
    """(measures, matrices), in the order of MEASURES."""
    *parts, support = _by_task(counts)
    accuracy = np.diagonal(counts, axis1=1, axis2=2).sum(axis=1) / counts.sum(axis=(1, 2))
    there = (support > 0).astype(np.float64)
    macro = [(part * there).sum(axis=1) / there.sum(axis=1) for part in parts]
    weighted = [(part * support).sum(axis=1) / support.sum(axis=1) for part in parts]
    return np.array([accuracy, *macro, *weighted])
