"""Leaderboard: the accuracy of each expert on each task of an outcome table, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge_router.errors import ConfigError, OutcomesUnusable
from edge_router.guards.checks import FrozenDict
from edge_router.guards.stored_json import number, table
from edge_router.learning.outcomes.rows import OutcomeRows, Row
from edge_router.routing.arrays import Float64s

__all__ = ["Accuracy", "Leaderboard", "chance_apart"]

NEAR_95 = 1.959964
LEVEL = 0.05  # of the test that tells two experts apart


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean score 0..1 over `questions`, with the ends of its 95 % interval (Wilson 1927)."""

    mean: float
    low: float
    high: float
    questions: int

    @classmethod
    def of(cls, scores: Float64s) -> Self:
        """Of known scores (questions,), one at least; CoE-Ops, equation 4."""
        count, mean = len(scores), float(scores.mean())
        square = NEAR_95**2 / count
        centre = (mean + square / 2) / (1 + square)
        spread = NEAR_95 * math.sqrt(mean * (1 - mean) / count + square / (4 * count))
        half = spread / (1 + square)
        return cls(mean, max(0.0, centre - half), min(1.0, centre + half), count)

    def to_json(self) -> dict[str, float]:
        ends = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: round(value, 6) for name, value in ends.items()} | {
            "questions": self.questions
        }

    @classmethod
    def of_json(cls, stated: Any) -> Self:
        """Raises ValueError."""
        values = table(stated, "an accuracy")
        mean, low, high = (number(values[key], key, 0.0, 1.0) for key in ("mean", "low", "high"))
        return cls(mean, low, high, int(number(values["questions"], "questions", 1)))

    @property
    def words(self) -> str:
        return f"{self.mean:.1%} [{self.low:.1%}, {self.high:.1%}]"


@dataclass(frozen=True, slots=True, eq=False)
class Leaderboard:
    """`scores` (questions, experts) in 0..1, NaN where not known, and `tasks` (questions,)."""

    experts: tuple[str, ...]
    tasks: npt.NDArray[np.str_]
    scores: Float64s

    @classmethod
    def read(
        cls, path: Path, *, experts: Sequence[str] = (), split: str | None = None
    ) -> Leaderboard:
        """From an outcome table whose rows have `task` and `score`; of the `split` alone where one
        is given, and of `experts` alone where some are.

        Raises OutcomesUnusable for a row without a task, ConfigError for fewer than two experts,
        one that the table does not know, and no row at all.
        """
        rows = [
            row
            for row in OutcomeRows(path, OutcomesUnusable, needed=("score", "task"))
            if split is None or row.get("split") == split
        ]
        if not rows:
            raise ConfigError(f"{path} has no row" + (f" of the split {split!r}" if split else ""))
        known = tuple(dict.fromkeys(name for row in rows for name in row["score"]))
        for name in experts:
            if name not in known:
                raise ConfigError(
                    f"{path} has no scores of {name!r:.80}; it has those of {', '.join(known):.300}"
                )
        return cls.of_rows(rows, tuple(dict.fromkeys(experts)) or known)

    @classmethod
    def of_rows(cls, rows: Sequence[Row], experts: tuple[str, ...]) -> Leaderboard:
        """Of checked rows with a task each. Raises ConfigError for fewer than two experts."""
        if len(experts) < 2:
            raise ConfigError(
                f"a mapping needs two experts or more, there are scores of {len(experts)} "
                f"({', '.join(experts) or 'none'}); with one there is nothing to choose"
            )
        scores = [[row["score"].get(name, math.nan) for name in experts] for row in rows]
        tasks = np.array([row["task"] for row in rows], dtype=np.str_)
        return cls(experts, tasks, np.array(scores, dtype=np.float64))

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, the most frequent first."""
        names, counts = np.unique(self.tasks, return_counts=True)
        return tuple(names[np.argsort(-counts, kind="stable")].tolist())

    def of_task(self, task: str | None) -> Float64s:
        """Scores (questions of the task, experts); of all questions for None."""
        return self.scores if task is None else self.scores[self.tasks == task]

    def accuracies(self, task: str | None = None) -> Mapping[str, Accuracy]:
        """By expert; one without a known score on the task is left out."""
        scores = self.of_task(task)
        known = ~np.isnan(scores)
        return FrozenDict(
            {
                name: Accuracy.of(scores[known[:, place], place])
                for place, name in enumerate(self.experts)
                if known[:, place].any()
            }
        )

    def level_with(self, best: str, task: str | None = None) -> tuple[str, ...]:
        """The experts that `best` cannot be told apart from at the 5 % level, each compared on the
        questions that both were scored on."""
        scores = self.of_task(task)
        mine = scores[:, self.experts.index(best)]
        return tuple(
            name
            for place, name in enumerate(self.experts)
            if name != best and chance_apart(mine, scores[:, place]) >= LEVEL
        )


def chance_apart(one: Float64s, other: Float64s) -> float:
    """How probable a difference as large as this is between two equal experts, both (questions,).

    The exact sign test on questions that they scored differently; for right and wrong it is
    McNemar's (1947). NaN is not known: such questions do not count.
    """
    better, worse = int((one > other).sum()), int((one < other).sum())
    count = better + worse
    if not count:
        return 1.0
    ways = np.arange(min(better, worse) + 1)
    logs = [
        math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        for k in ways.tolist()
    ]
    tail = float(np.exp(np.array(logs) - count * math.log(2)).sum())
    return min(1.0, 2 * tail)
