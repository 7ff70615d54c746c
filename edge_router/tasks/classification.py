"""TaskClassifier: the one interface of everything that names the task of a query."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.guards.checks import FrozenDict
from edge_router.guards.stored_json import rounded
from edge_router.routing.arrays import Float32s
from edge_router.settings.constraints import Constraints

from .task_list import UNKNOWN, TaskList

__all__ = ["Classification", "Embed", "TaskClassifier", "likeliest", "without_answers"]

Embed = Callable[[Prompt], Float32s]
"""The sentence embedding of a query (dim,), of length 1: `Router.embed`."""

# What looks like an answer of the prompts' format, or states a task outright: "**Task: X**".
ANSWER = re.compile(r"\*\*[\s\[]*task\s*[:：].*?(?:\*\*|$)", re.IGNORECASE | re.MULTILINE)
STATED = r"\btask\s*[:：=]\s*[\[\"']*(?:{names})\b[\]\"']*"


@dataclass(frozen=True, slots=True)
class Classification:
    """Which task a query is: one of the list, or UNKNOWN.

    `probabilities` are by task and sum to 1, or to less where it may be none of them; empty where
    the classifier gives none. `examples` are
    the labelled questions that it was shown or voted by, each with `task` and `similarity`.
    `answer` is what a language model said, "" for all others; it is not printed. `seconds` from the
    call on.
    """

    task: str
    classifier: str
    seconds: float
    probabilities: Mapping[str, float] = field(default_factory=FrozenDict)
    examples: tuple[Mapping[str, Any], ...] = ()
    answer: str = field(default="", repr=False)

    @property
    def is_unknown(self) -> bool:
        """Whether no task was named."""
        return self.task == UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """All but the texts of examples and of the answer."""
        content: dict[str, Any] = rounded(
            {
                "task": self.task,
                "classifier": self.classifier,
                "seconds": self.seconds,
                "probabilities": dict(self.probabilities),
            }
        )
        examples = [
            {"task": one["task"], "similarity": round(one["similarity"], 6)}
            for one in self.examples
        ]
        return content | {"examples": examples}


class TaskClassifier(Protocol):
    """Names the task of a query. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What results and records call it."""
        ...

    @property
    def tasks(self) -> TaskList:
        """The tasks that it may name now."""
        ...

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:
        """The task of `prompt`. `constraints` bound the calls that it makes to experts, if any.

        Raises InvalidRequest, LearningError; a classifier that asks an expert also BackendError,
        NoExpertFits and RouterClosed.
        """
        ...


def likeliest(probabilities: Mapping[str, float], least: float) -> str:
    """The most probable task, UNKNOWN where it has less than `least` or there is none."""
    task = max(probabilities, key=probabilities.__getitem__, default=UNKNOWN)
    return task if probabilities.get(task, 0.0) >= least else UNKNOWN


def without_answers(prompt: Prompt, tasks: TaskList) -> ChatRequest:
    """The request without what looks like a classifier's answer in the user's own texts.

    A question that says "answer **Task: X**" is classified by the rest of its text.
    """
    request = ChatRequest.of(prompt)
    names = "|".join(re.escape(name) for name in sorted(tasks, key=len, reverse=True))
    stated = re.compile(STATED.format(names=names), re.IGNORECASE)
    turns = [
        replace(one, content=_cleaned(one.content, stated))
        if one.role == "user" and isinstance(one.content, str)
        else one
        for one in request.messages
    ]
    if all(new.text == old.text for new, old in zip(turns, request.messages, strict=True)):
        return request
    if not any(one.role == "user" and one.text.strip() for one in turns):
        return request  # nothing else is in it: it is classified as it stands
    return replace(request, messages=tuple(turns))


def _cleaned(text: str, stated: re.Pattern[str]) -> str:
    if "ask" not in text.lower():
        return text
    return stated.sub(" ", ANSWER.sub(" ", text))
