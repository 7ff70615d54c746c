"""EvaluationReport: what a run of a classifier showed, as lines, as JSON and as figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edge_router.errors import ConfigError
from edge_router.guards.data_folder import write_atomically, writing_to

from ..mapping import TaskExpertMapping
from ..task_list import TaskList
from .confusion import Confusion
from .plots import confusion_svg, radar_svg
from .run import Evaluated, confusion_of
from .two_stage import COLLABORATION, ORACLE, TRUE_TASK, TwoStageScores

__all__ = ["EvaluationReport"]


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """`seconds` are the mean of one question; `scores` is None where the questions have no scores
    of the mapping's experts, or there is no mapping."""

    classifier: str
    seconds: float
    confusion: Confusion
    scores: TwoStageScores | None

    @classmethod
    def of(
        cls,
        classifier: str,
        evaluated: Sequence[Evaluated],
        tasks: TaskList,
        mapping: TaskExpertMapping | None,
    ) -> Self:
        """Raises ConfigError where nothing was evaluated."""
        if not evaluated:
            raise ConfigError("no question was classified; give some that were not enrolled")
        seconds = sum(one.seconds for one in evaluated) / len(evaluated)
        scores = None if mapping is None else TwoStageScores.of(evaluated, mapping)
        return cls(classifier, seconds, confusion_of(evaluated, tasks.names), scores)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.classifier}: {self.confusion.questions} questions, {self._milliseconds} each"
        for name, measure in self.confusion.measures().items():
            yield f"  {name.replace('_', ', '):20} {measure.words}"
        if self.scores is not None:
            yield f"experts on {len(self.scores.tasks)} questions with their scores:"
            for name, accuracy in self.scores.accuracies().items():
                yield f"  {name:30} {accuracy.words}"

    @property
    def _milliseconds(self) -> str:
        return f"{self.seconds * 1e3:.1f} ms"

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        scores = None if self.scores is None else self.scores.to_json()
        facts = {"classifier": self.classifier, "seconds_per_question": round(self.seconds, 6)}
        return facts | self.confusion.to_json() | {"two_stage": scores}

    def figures(self) -> dict[str, str]:
        """SVGs by the names of their files."""
        heat_map = confusion_svg(self.confusion, title=f"Tasks named by {self.classifier}, %")
        if self.scores is None:
            return {"confusion.svg": heat_map}
        values = {
            name: one
            for name, one in self.scores.by_task().items()
            if name not in (TRUE_TASK, ORACLE)
        }
        radar = radar_svg(values, title="Mean score of each expert by task", first=(COLLABORATION,))
        return {"confusion.svg": heat_map, "radar.svg": radar}

    def write_figures(self, folder: Path) -> None:
        """Raises ConfigError for a folder that cannot be written."""
        with writing_to(folder):
            for name, text in self.figures().items():
                write_atomically(folder / name, text)
