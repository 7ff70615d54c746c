"""TaskConfig: the `[tasks]` table of the settings, for two-stage routing by task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from edge_router.guards.checks import number, one_of, settle, text, unset_allowed, whole

from .setting import checks_of, from_table, setting

__all__ = ["ClassifierKind", "TaskChoice", "TaskConfig", "task_config_of"]

ClassifierKind = Literal["head", "kinds", "neighbours", "llm", "llm+examples"]
TaskChoice = Literal["task", "expected"]


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """The `[tasks]` table. The constructor raises ConfigError as a table of a file does."""

    set: str = field(
        default="default", metadata=setting(text, "the task set that tasks commands use")
    )
    classifier: ClassifierKind = field(
        default="head",
        metadata=setting(
            one_of(*get_args(ClassifierKind)),
            "who names the task: head, kinds, neighbours, llm, or llm+examples (similar questions)",
        ),
    )
    expert: str | None = field(
        default=None,
        metadata=setting(text, "the expert that names it (llm); unset: the first on this device"),
    )
    examples: int = field(
        default=5, metadata=setting(whole(1, 50), "similar questions shown to an llm, or voting")
    )
    least_probability: float = field(
        default=0.0,
        metadata=setting(number(0.0, 1.0), "below it a task is unknown (head, neighbours), 0..1"),
    )
    choice: TaskChoice = field(
        default="task",
        metadata=setting(
            one_of(*get_args(TaskChoice)),
            "the best expert of the named task, or of the highest expected accuracy",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, FIELDS, "TaskConfig")


FIELDS = unset_allowed(TaskConfig, checks_of(TaskConfig))


def task_config_of(stated: Any) -> TaskConfig:
    """The settings of tasks from a TaskConfig or a table. Raises ConfigError."""
    return from_table(TaskConfig, stated, "tasks")
