"""Labelled questions: queries whose task is known, from JSON lines or an outcome table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_router.chat.completion import ChatRequest
from edge_router.errors import ConfigError, OutcomesUnusable
from edge_router.guards.checks import FrozenDict
from edge_router.learning.outcomes.rows import OutcomeRows, Row, query_key, request_of

from .task_list import TaskList

__all__ = [
    "MOST_QUESTIONS",
    "LabelledQuestion",
    "read_labelled",
    "shown_text",
    "tasks_of",
    "tasks_of_table",
]

MOST_QUESTIONS = 200_000
SHOWN = 1000  # characters of a question that are kept and shown as an example


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A query and the name of its task; `split` is "" where the file states none, `scores` (0..1)
    are those of experts, by name, where the file has some."""

    request: ChatRequest
    task: str
    split: str = ""
    scores: Mapping[str, float] = field(default_factory=FrozenDict)

    @property
    def text(self) -> str:
        """The last turn of the user."""
        return next(one.text for one in reversed(self.request.messages) if one.role == "user")

    @property
    def key(self) -> str:
        """Equal for questions that differ in case and blanks alone."""
        return query_key(self.text)


def read_labelled(path: Path, *, split: str | None = None) -> list[LabelledQuestion]:
    """The questions of a file of `{"query" or "messages": ..., "task": ...}` lines, plain or
    gzipped; other fields of outcome rows may stand beside them.

    With `split`, only the rows of that split. A question that stands there twice is taken once.
    Raises ConfigError, with file and line, for a row without a query or a task, for one question
    with two tasks, for no question at all and for more than 200,000.
    """
    questions: dict[str, LabelledQuestion] = {}
    for where, row in OutcomeRows(path, ConfigError, needed=("query", "task")).placed():
        stated = row.get("split", "")
        if split is not None and stated != split:
            continue
        question = _question(where, row)
        known = questions.setdefault(question.key, question)
        if known.task != question.task:
            raise ConfigError(
                f"{where} is a {question.task!r:.130}, and the same question before it a "
                f"{known.task!r:.130}; leave one of them out"
            )
        if len(questions) > MOST_QUESTIONS:
            raise ConfigError(f"{path} has more than {MOST_QUESTIONS:,} questions; give a part")
    if not questions:
        of_split = f" of the split {split!r}" if split is not None else ""
        raise ConfigError(f"{path} has no question{of_split}")
    return list(questions.values())


def _question(where: str, row: Row) -> LabelledQuestion:
    if not row["task"]:
        raise ConfigError(f'{where} has an empty "task"')
    question = LabelledQuestion(
        request_of(row, where, ConfigError),
        row["task"],
        row.get("split", ""),
        FrozenDict(row.get("score", {})),
    )
    if not question.text.strip():
        raise ConfigError(f"{where} has a last turn without text")
    return question


def shown_text(text: str, most: int = SHOWN) -> str:
    """About `most` characters of a question, its head and its tail."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def tasks_of_table(path: Path) -> TaskList:
    """The task names of an outcome table, the most frequent first.

    Raises OutcomesUnusable where a row has no task, ConfigError for a single task.
    """
    rows = OutcomeRows(path, OutcomesUnusable, needed=("task",))
    counts = Counter(str(row["task"]) for row in rows)
    return TaskList.of(name for name, _ in counts.most_common())


def tasks_of(questions: Sequence[LabelledQuestion]) -> tuple[str, ...]:
    """The tasks of questions, in the order of their first one."""
    return tuple(dict.fromkeys(question.task for question in questions))
