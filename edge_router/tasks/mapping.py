"""TaskExpertMapping: the best expert of each task by a leaderboard, and that of no known task.

CoE-Ops, section IV: the leaderboard holds the accuracy of each expert on each task (equation 4);
the most accurate one is asked for a task (5), the one of the best average for UNKNOWN (8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from edge_router.errors import ConfigError
from edge_router.guards.checks import FrozenDict
from edge_router.guards.redaction import quoted_json
from edge_router.guards.stored_json import table, text

from .leaderboard import Accuracy, Leaderboard
from .task_list import UNKNOWN

__all__ = ["TaskExpert", "TaskExpertMapping"]

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TaskExpert:
    """The expert of one task, `level_with` those that it cannot be told apart from at the 5 %
    level, and the `accuracies` by expert that this rests on (an expert without scores on the task
    is not in them)."""

    expert: str
    accuracies: Mapping[str, Accuracy]
    level_with: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """The expert, then the others from the most to the least accurate."""
        others = sorted(self.accuracies, key=lambda name: -self.accuracies[name].mean)
        return (self.expert, *(name for name in others if name != self.expert))

    @property
    def is_by_hand(self) -> bool:
        """Whether a more accurate expert is passed over: somebody edited the mapping."""
        mine = self.accuracies.get(self.expert)
        return mine is None or any(one.mean > mine.mean for one in self.accuracies.values())

    @property
    def words(self) -> str:
        """The expert with its accuracy, and whether somebody chose it by hand."""
        hand = ", set by hand" if self.is_by_hand else ""
        accuracy = self.accuracies.get(self.expert)
        if accuracy is None:
            return f"{self.expert} (no scores{hand})"
        return f"{self.expert} ({accuracy.words} of {accuracy.questions}{hand})"

    def to_json(self) -> dict[str, Any]:
        return {
            "expert": self.expert,
            "level_with": list(self.level_with),
            "accuracies": {name: one.to_json() for name, one in self.accuracies.items()},
        }

    @classmethod
    def of_json(cls, stated: Any) -> Self:
        """Raises ValueError or another of `stored_json.FAULTS`."""
        fields = table(stated, "a task")
        accuracies = {
            name: Accuracy.of_json(one)
            for name, one in table(fields["accuracies"], "accuracies").items()
        }
        level = tuple(text(name, "level_with") for name in fields["level_with"])
        return cls(text(fields["expert"], "expert"), FrozenDict(accuracies), level)


@dataclass(frozen=True, slots=True)
class TaskExpertMapping:
    """By task, and for UNKNOWN in `unknown`; a task that is not in `by_task` counts as UNKNOWN.

    `source` says what leaderboard it was made from.
    """

    by_task: Mapping[str, TaskExpert]
    unknown: TaskExpert
    source: str = ""

    @classmethod
    def of(cls, board: Leaderboard, *, source: str = "") -> Self:
        """The most accurate expert of each task, of equal ones the first of the leaderboard."""
        by_task = {task: _best(board, task) for task in board.names}
        return cls(FrozenDict(by_task), _best(board, None), source)

    @classmethod
    def by_hand(cls, expert: str, tasks: Iterable[str]) -> Self:
        """One expert answers all tasks, and UNKNOWN; nothing was measured."""
        unscored = TaskExpert(expert, FrozenDict())
        return cls(FrozenDict(dict.fromkeys(tasks, unscored)), unscored, "set by hand")

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.by_task)

    @property
    def experts(self) -> tuple[str, ...]:
        """Those of the leaderboard, and those set by hand."""
        every = [*self.by_task.values(), self.unknown]
        names = [name for one in every for name in (*one.accuracies, one.expert)]
        return tuple(dict.fromkeys(names))

    def of_task(self, task: str) -> TaskExpert:
        """That of `task`, of UNKNOWN where it is none."""
        return self.by_task.get(task, self.unknown)

    def expected(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """The accuracy to expect of each expert where the task is only known in probability: the
        mean over the tasks. What is missing to a probability of 1 counts as no known task; there,
        and on a task that it has no scores on, an expert has its average over all."""
        expected, rest = {}, max(0.0, 1.0 - sum(probabilities.values()))
        for name in self.experts:
            everywhere = self.unknown.accuracies.get(name)
            if everywhere is not None:
                expected[name] = rest * everywhere.mean + sum(
                    share * self.of_task(task).accuracies.get(name, everywhere).mean
                    for task, share in probabilities.items()
                )
        return expected

    def with_expert(self, task: str, expert: str) -> TaskExpertMapping:
        """The same, `task` (UNKNOWN too) going to another expert. Raises ConfigError for a task
        that the mapping has not, and for an empty name."""
        if not expert.strip():
            raise ConfigError(f"expert {expert!r} of {task!r:.130} must be the name of one")
        if task == UNKNOWN:
            return replace(self, unknown=replace(self.unknown, expert=expert))
        if task not in self.by_task:
            raise ConfigError(
                f"task {task!r:.130} is none of the mapping's: "
                f"{', '.join((*self.by_task, UNKNOWN)):.400}"
            )
        changed = replace(self.by_task[task], expert=expert)
        return replace(self, by_task=FrozenDict({**self.by_task, task: changed}))

    def with_task(self, task: str) -> TaskExpertMapping:
        """With a task that it may lack, which goes to the expert of UNKNOWN, without scores."""
        unscored = TaskExpert(self.unknown.expert, FrozenDict())
        return replace(self, by_task=FrozenDict({task: unscored, **self.by_task}))

    def renamed(self, names: Mapping[str, str]) -> TaskExpertMapping:
        """With experts called as the settings call them, by their names in the table.

        Raises ConfigError for a name that the table has not, and where two would have one name.
        """
        for name in names:
            if name not in self.experts:
                raise ConfigError(
                    f"{name!r:.80} is no expert of the table: {', '.join(self.experts):.300}"
                )
        new = [names.get(name, name) for name in self.experts]
        if twice := [name for name in new if new.count(name) > 1]:
            raise ConfigError(f"two experts would be called {twice[0]!r:.80}")
        by_task = {task: _renamed(one, names) for task, one in self.by_task.items()}
        return replace(self, by_task=FrozenDict(by_task), unknown=_renamed(self.unknown, names))

    @property
    def lines(self) -> tuple[str, ...]:
        """Each task with its expert, UNKNOWN last."""
        named = (*self.by_task.items(), (UNKNOWN, self.unknown))
        return tuple(f"{task}: {one.words}" for task, one in named)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the choice is not sure, one line each."""
        lines = [
            f"{task}: {one.expert} cannot be told apart from {_listed(one.level_with)}"
            for task, one in (*self.by_task.items(), (UNKNOWN, self.unknown))
            if one.level_with
        ]
        asked = {one.expert for one in self.by_task.values()}
        if len(asked) == 1 and len(self.by_task) > 1:
            lines.append(f"every task goes to {asked.pop()}: nothing is gained by routing")
        uneven = [task for task, one in self.by_task.items() if _is_uneven(one)]
        if uneven:
            lines.append(f"experts were not scored on the same questions: {_listed(uneven)}")
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """As `of_json` reads it; the field `expert` of a task may be edited."""
        return {
            "source": self.source,
            UNKNOWN: self.unknown.to_json(),
            "by_task": {task: one.to_json() for task, one in self.by_task.items()},
        }

    @classmethod
    def of_json(cls, stated: Mapping[str, Any]) -> Self:
        """Raises ValueError or another of `stored_json.FAULTS`."""
        by_task = {
            text(task, "a task"): TaskExpert.of_json(one)
            for task, one in table(stated["by_task"], "by_task").items()
        }
        if not by_task:
            raise ValueError(f"by_task is {quoted_json(stated['by_task'])}; it must hold tasks")
        return cls(
            FrozenDict(by_task),
            TaskExpert.of_json(stated[UNKNOWN]),
            text(stated.get("source", ""), "source"),
        )


def _best(board: Leaderboard, task: str | None) -> TaskExpert:
    accuracies = board.accuracies(task)
    if not accuracies:
        return TaskExpert(board.experts[0], accuracies, board.experts[1:])
    best = max(accuracies, key=lambda name: accuracies[name].mean)
    return TaskExpert(best, accuracies, board.level_with(best, task))


def _renamed(one: TaskExpert, names: Mapping[str, str]) -> TaskExpert:
    accuracies = {names.get(name, name): value for name, value in one.accuracies.items()}
    level = tuple(names.get(name, name) for name in one.level_with)
    return TaskExpert(names.get(one.expert, one.expert), FrozenDict(accuracies), level)


def _is_uneven(one: TaskExpert) -> bool:
    return len({accuracy.questions for accuracy in one.accuracies.values()}) > 1


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:MOST_SHOWN])
    return shown + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")
