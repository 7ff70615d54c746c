"""What two-stage routing scores where every expert's outcome is known, beside single experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s

from ..leaderboard import Accuracy
from ..mapping import TaskExpertMapping
from .run import Evaluated

__all__ = ["COLLABORATION", "ORACLE", "TRUE_TASK", "TwoStageScores"]

COLLABORATION = "two stages"
TRUE_TASK = "two stages, true task"
ORACLE = "oracle"


@dataclass(frozen=True, slots=True, eq=False)
class TwoStageScores:
    """`scores` (questions,) in 0..1 by contender: each expert alone, COLLABORATION by the named
    tasks, TRUE_TASK by the true ones, and ORACLE, the best expert of each question; `tasks`
    (questions,) are the true ones."""

    tasks: tuple[str, ...]
    scores: Mapping[str, Float64s]

    @classmethod
    def of(
        cls, evaluated: Sequence[Evaluated], mapping: TaskExpertMapping
    ) -> TwoStageScores | None:
        """Over the questions on which every expert of the mapping has a score; None without any."""
        experts = mapping.experts
        known = [one for one in evaluated if one.question.scores.keys() >= {*experts}]
        if not known:
            return None
        matrix = np.array([[one.question.scores[name] for name in experts] for one in known])
        rows = np.arange(len(known))

        def routed(tasks: Sequence[str]) -> Float64s:
            chosen = [experts.index(mapping.of_task(task).expert) for task in tasks]
            values: Float64s = matrix[rows, chosen]
            return values

        true = tuple(one.question.task for one in known)
        singles = {name: matrix[:, place] for place, name in enumerate(experts)}
        together = {
            COLLABORATION: routed([one.named for one in known]),
            TRUE_TASK: routed(true),
            ORACLE: matrix.max(axis=1),
        }
        return cls(true, singles | together)

    def accuracies(self) -> dict[str, Accuracy]:
        """By contender, over all questions."""
        return {name: Accuracy.of(values) for name, values in self.scores.items()}

    def by_task(self) -> dict[str, dict[str, float]]:
        """Mean scores by contender and task: the corners of a radar chart."""
        names = tuple(dict.fromkeys(self.tasks))
        true = np.array(self.tasks)
        return {
            contender: {task: float(values[true == task].mean()) for task in names}
            for contender, values in self.scores.items()
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "questions": len(self.tasks),
            "accuracy": {name: one.to_json() for name, one in self.accuracies().items()},
            "by_task": {
                name: {task: round(value, 6) for task, value in one.items()}
                for name, one in self.by_task().items()
            },
        }
