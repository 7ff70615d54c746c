"""TaskSet: a task list, its labelled questions, head and mapping, kept in a folder by name."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edge_router.errors import ConfigError, LearningError
from edge_router.guards.data_folder import write_atomically, writing_to
from edge_router.guards.stored_json import FAULTS, read_object
from edge_router.learning.outcomes.rows import query_key
from edge_router.routing.artifact.manifest import RouterArtifact

from .classification import Embed
from .embedding.index import EmbeddingIndex
from .enrolled import TaskHead
from .labelled import LabelledQuestion, shown_text, tasks_of
from .mapping import TaskExpertMapping
from .task_list import UNKNOWN, Task, TaskList

__all__ = ["DEFAULT_NAME", "MAKES_MAPPING", "TaskSet", "task_set_names"]

log = logging.getLogger("edge_router")

T = TypeVar("T")

DEFAULT_NAME = "default"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LIST, HEAD, MAPPING, QUESTIONS = "tasks.json", "head.json", "mapping.json", "questions"
MAKES_MAPPING = (
    "edge-router tasks map --outcomes FILE makes one of measured scores, tasks set unknown EXPERT "
    "begins one by hand"
)
SCHEMA = 1
REMEDY = "; mend it, or make it again"
PART = 1024  # questions embedded and kept at a time: what a killed enrolment has done stays


class _Damaged(LearningError):
    """A file of a task set is not as it was written."""


class TaskSet:
    """What this device knows of some tasks, in `<data folder>/tasks/<name>`.

    A file that another process changed counts from the next use on. Raises ConfigError for a name
    that no folder can have; every method LearningError for a file that cannot be read.
    """

    def __init__(self, data_folder: Path, name: str, artifact: RouterArtifact) -> None:
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"task set {name!r:.80} cannot be the name of a folder; use at most 64 letters, "
                "digits, '.', '_' and '-', a letter or a digit first"
            )
        self.name = name
        self.folder = data_folder / "tasks" / name
        manifest = artifact.manifest
        self._encoder, self._dim = artifact.hash, manifest.embedding_dim
        self.index = EmbeddingIndex(
            self.folder / QUESTIONS, encoder=self._encoder, dim=manifest.embedding_dim
        )
        self._read: dict[str, tuple[tuple[int, int], Any]] = {}

    @property
    def exists(self) -> bool:
        """Whether a task list is kept under this name."""
        return (self.folder / LIST).exists()

    def tasks(self) -> TaskList:
        """The list that counts now."""
        return self._cached(LIST, lambda stored: TaskList.of_json(stored["tasks"]))

    def head(self) -> TaskHead:
        """The head that counts now.

        Where its file is damaged, or a killed enrolment left questions that it was not fitted to,
        it is fitted anew to all of them, which is logged. Raises LearningError where none was
        fitted, or to another router's embeddings.
        """
        try:
            return self._cached(HEAD, self._head)
        except _Damaged as error:
            if not len(self.index):
                raise
            why = str(error).partition(REMEDY)[0]
            log.warning("the head of the task set %r is fitted anew: %s", self.name, why)
            return self._refitted()

    def mapping(self) -> TaskExpertMapping:
        """The mapping that counts now. Raises LearningError where none was made."""
        return self._cached(MAPPING, TaskExpertMapping.of_json)

    @property
    def has_head(self) -> bool:
        return (self.folder / HEAD).exists()

    @property
    def has_mapping(self) -> bool:
        return (self.folder / MAPPING).exists()

    def keep_tasks(self, tasks: TaskList) -> None:
        """Keep a list instead of the one that there is. Raises ConfigError."""
        self._keep(LIST, {"tasks": tasks.to_json()})

    def keep_mapping(self, mapping: TaskExpertMapping) -> Path:
        """Keep a mapping, and its tasks as the list where there is none. Raises ConfigError."""
        if not self.exists:
            self.keep_tasks(TaskList.of(mapping.tasks))
        self._keep(MAPPING, mapping.to_json())
        return self.folder / MAPPING

    def give(self, task: str, expert: str) -> TaskExpertMapping:
        """Have `expert` answer a task of the list, or UNKNOWN, and keep that. Where there is no
        mapping, UNKNOWN begins one by hand. Raises ConfigError and LearningError."""
        if task == UNKNOWN and not self.has_mapping:
            mapping = TaskExpertMapping.by_hand(expert, self.tasks())
        else:
            mapping = self.mapping()
        if task in tuple(self.tasks()):
            mapping = mapping.with_task(task)
        mapping = mapping.with_expert(task, expert)
        self.keep_mapping(mapping)
        return mapping

    def enrol(
        self,
        questions: Sequence[LabelledQuestion],
        embed: Embed,
        *,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> TaskHead:
        """Add labelled questions, and fit the head to all that there are then.

        Questions that the set has already are not embedded again, so a killed run goes on where it
        was; their tasks join the list. `progress` gets how many are done, of how many. Raises
        TooFewOutcomes for questions of a single task, ConfigError for a task name that no list can
        have.
        """
        names = tasks_of(questions)
        tasks = self._grown(names)
        new = self.not_enrolled(questions)
        with writing_to(self.folder):
            for start in range(0, len(new), PART):
                part = new[start : start + PART]
                vectors = np.stack([embed(one.request) for one in part])
                items = [{"task": one.task, "query": shown_text(one.text)} for one in part]
                self.index.add(vectors, items)
                progress(start + len(part), len(new))
        head = self._fitted()
        self.keep_tasks(tasks)
        self._keep_head(head)
        return head

    def _fitted(self) -> TaskHead:
        """A head of all questions that are enrolled."""
        return TaskHead.fit(self.index.vectors(), [item["task"] for item in self.index.items()])

    def _refitted(self) -> TaskHead:
        """The same, kept in place of a file that does not count; one that cannot be replaced costs
        a fit a process."""
        head = self._fitted()
        try:
            self._keep_head(head)
        except ConfigError as error:
            log.warning("the head of the task set %r could not be kept: %s", self.name, error)
        self._read[HEAD] = _stamp(self.folder / HEAD), head
        return head

    def not_enrolled(self, questions: Sequence[LabelledQuestion]) -> list[LabelledQuestion]:
        """Those that nothing was learned from: what a classifier may be judged by."""
        known = {query_key(item["query"]) for item in self.index.items()}
        return [one for one in questions if query_key(shown_text(one.text)) not in known]

    def _grown(self, names: Iterable[str]) -> TaskList:
        """The list with those of `names` that it lacks."""
        if not self.exists:
            had = tuple(dict.fromkeys(item["task"] for item in self.index.items()))
            return TaskList.of(dict.fromkeys((*had, *names)))
        known = self.tasks()
        return known.adding(*(Task(name) for name in names if name not in known))

    def _head(self, stored: dict[str, Any]) -> TaskHead:
        if stored["artifact"] != self._encoder:
            raise LearningError(
                f"the head of the task set {self.name!r} was fitted to another router's "
                f"embeddings; remove {self.index.folder}, then run edge-router tasks enroll FILE "
                "with its questions; tasks and mapping stay"
            )
        head = TaskHead.of_json(stored["head"], self._dim)
        if head.questions < len(self.index):
            raise ValueError(f"it knows {head.questions} of {len(self.index)} questions")
        return head

    def _keep_head(self, head: TaskHead) -> None:
        self._keep(HEAD, {"artifact": self._encoder, "head": head.to_json()})

    def _keep(self, file: str, content: dict[str, Any]) -> None:
        with writing_to(self.folder):
            text = json.dumps({"schema": SCHEMA} | content, indent=1, ensure_ascii=False)
            write_atomically(self.folder / file, text + "\n")

    def _cached(self, file: str, made: Callable[[dict[str, Any]], T]) -> T:
        path = self.folder / file
        try:
            stamp = _stamp(path)
            known = self._read.get(file)
            if known is not None and known[0] == stamp:
                value: T = known[1]
                return value
            stored = read_object(path)
            if stored["schema"] != SCHEMA:
                raise ValueError(f"its schema is {stored['schema']!r:.20}, not {SCHEMA}")
            value = made(stored)
        except FileNotFoundError:
            raise LearningError(self._missing(file)) from None
        except FAULTS as error:
            raise _Damaged(f"{path} cannot be read ({error}){REMEDY}") from None
        self._read[file] = stamp, value
        return value

    def _missing(self, file: str) -> str:
        makes = {
            LIST: "edge-router tasks enroll FILE, or tasks map --outcomes FILE, makes one",
            HEAD: "edge-router tasks enroll FILE fits one to labelled questions",
            MAPPING: MAKES_MAPPING,
        }
        what = {LIST: "task list", HEAD: "head", MAPPING: "mapping"}[file]
        return f"the task set {self.name!r} has no {what}; {makes[file]}"


def _stamp(path: Path) -> tuple[int, int]:
    """Differs when another process has written the file."""
    state = path.stat()
    return state.st_mtime_ns, state.st_size


def task_set_names(data_folder: Path) -> list[str]:
    """The task sets kept in a data folder."""
    return sorted(path.parent.name for path in (data_folder / "tasks").glob(f"*/{LIST}"))
