"""TaskList: the tasks that a query may belong to; `labelled` has those of an outcome table."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edge_router.errors import ConfigError
from edge_router.guards.bounded_file import read_text
from edge_router.guards.json_lines import BadJson, is_unicode, json_value
from edge_router.guards.redaction import quoted_json
from edge_router.guards.user_files import user_path

__all__ = ["UNKNOWN", "Task", "TaskList"]

UNKNOWN = "unknown"
"""The class of a query that no task was named for: CoE-Ops, equation 7."""

FEWEST, MOST = 2, 1000
LONGEST_NAME, LONGEST_DESCRIPTION = 120, 1000  # characters
MARKUP = "*[]"  # of the answer format, see `prompts`
MAX_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Task:
    """One task: the name that a classifier answers with, and what it is about ("" where unstated).

    Raises ConfigError for a name that is empty, longer than 120 characters, "unknown", or holds a
    line break or one of the characters `*[]`, which the format of an answer uses.
    """

    name: str
    description: str = ""

    def __post_init__(self) -> None:
        _check_text(self.name, "name", LONGEST_NAME)
        _check_text(self.description, "description", LONGEST_DESCRIPTION)
        name, shown = self.name, quoted_json(self.name)
        if not name or name != name.strip():
            raise ConfigError(f"task name {shown} must be a text without blanks around it")
        if any(letter in MARKUP or not letter.isprintable() for letter in name):
            raise ConfigError(f"task name {shown} may hold no line break and none of {MARKUP}")
        if _same(name) == UNKNOWN:
            raise ConfigError(f"task name {shown} is taken: it stands for no task at all")

    @property
    def line(self) -> str:
        """The task as a prompt lists it."""
        return f"{self.name}: {self.description}" if self.description else self.name


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks with different names, upper and lower case being the same: at least two of them.

    Raises ConfigError for fewer, for more than 1,000, and for two of one name.
    """

    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        if not FEWEST <= len(self.tasks) <= MOST:
            raise ConfigError(
                f"a task list has {FEWEST} to {MOST:,} tasks, this one has {len(self.tasks)}; with "
                "a single task there is nothing to classify"
            )
        counts = Counter(_same(task.name) for task in self.tasks)
        if twice := [task.name for task in self.tasks if counts[_same(task.name)] > 1]:
            raise ConfigError(f"the tasks {' and '.join(map(repr, twice[:2]))} have one name")

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Of names alone."""
        return cls(tuple(Task(name) for name in names))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """From a file: TOML with `[[task]]` tables, JSON, or a text with one name a line.

        JSON is a list of names or of objects with `name` and `description`, or an object with that
        list as `tasks`. Raises ConfigError that names the file.
        """
        file = user_path(path, what="task list")
        content = read_text(file, ConfigError, most=MAX_BYTES)
        try:
            return cls(tuple(_task(one) for one in _stated(content, file.suffix.lower())))
        except (ConfigError, BadJson, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"task list {file}: {error}") from None

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def names(self) -> tuple[str, ...]:
        """The names in their order, without UNKNOWN."""
        return tuple(task.name for task in self.tasks)

    def named(self, text: str) -> str | None:
        """The task that a text is the name of, up to case and blanks; None for any other text."""
        wanted = _same(text)
        return next((name for name in self.names if _same(name) == wanted), None)

    def adding(self, *tasks: Task) -> TaskList:
        """The same list with more tasks at its end."""
        return TaskList((*self.tasks, *tasks))

    def without(self, name: str) -> TaskList:
        """The same list without one task. Raises ConfigError for an unknown one."""
        self.require(name)
        return TaskList(tuple(task for task in self.tasks if task.name != name))

    def require(self, name: str) -> str:
        """`name` itself. Raises ConfigError where no task has it."""
        if name not in self.names:
            raise ConfigError(f"task {name!r:.130} is unknown; known are {', '.join(self):.400}")
        return name

    def to_json(self) -> list[dict[str, str]]:
        """As `of_json` reads it."""
        return [{"name": task.name, "description": task.description} for task in self.tasks]

    @classmethod
    def of_json(cls, stated: Any) -> Self:
        """Raises ConfigError for what `to_json` never writes."""
        if not isinstance(stated, list):
            raise ConfigError(f"tasks is {quoted_json(stated)}; it must be a list of tasks")
        return cls(tuple(_task(one) for one in stated))


def _stated(content: str, suffix: str) -> list[Any]:
    """The tasks as a file states them, not yet checked."""
    if suffix == ".toml":
        tables = tomllib.loads(content)
        return _listed(tables.get("task", tables.get("tasks")), "[[task]] tables")
    if suffix == ".json":
        value = json_value(content)
        return _listed(value.get("tasks") if isinstance(value, dict) else value, "a list of tasks")
    return [line.strip() for line in content.splitlines() if line.strip()]


def _listed(value: Any, wanted: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"it must hold {wanted}, not {quoted_json(value)}")
    return value


def _task(stated: Any) -> Task:
    if isinstance(stated, str):
        return Task(stated)
    if not isinstance(stated, dict) or not {"name"} <= stated.keys() <= {"name", "description"}:
        raise ConfigError(
            f"{quoted_json(stated)} is no task; give a name, or a name with a description"
        )
    return Task(stated["name"], stated.get("description", ""))


def _check_text(value: Any, what: str, longest: int) -> None:
    if not isinstance(value, str) or not is_unicode(value):
        raise ConfigError(f"a task's {what} is {quoted_json(value)}; it must be a text")
    if len(value) > longest:
        raise ConfigError(f"a task's {what} has {len(value):,} characters; it may have {longest:,}")


def _same(name: str) -> str:
    """Equal for names that differ in case and blanks alone."""
    return " ".join(name.casefold().split())
