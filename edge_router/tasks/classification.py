"""TaskClassifier: the one interface of everything that names the task of a query."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.guards.checks import FrozenDict
from edge_router.guards.stored_json import rounded
from edge_router.routing.arrays import Float32s
from edge_router.settings.constraints import Constraints

from .task_list import UNKNOWN, TaskList

__all__ = [
    "Classification",
    "Embed",
    "TaskClassifier",
    "by_the_rest",
    "likeliest",
    "without_answers",
    "without_name",
]

Embed = Callable[[Prompt], Float32s]
"""The sentence embedding of a query (dim,), of length 1: `Router.embed`."""

# What looks like an answer of the prompts' format, or states a task outright: "**Task: X**".
ANSWER = re.compile(r"\*\*[\s\[]*task\s*[:：].*?(?:\*\*|$)", re.IGNORECASE | re.MULTILINE)
WORD = re.compile(r"\w")
# Chinese stands beside Latin words without a blank, and all of it is \w.
NO_LETTER_BEFORE, NO_LETTER_AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
STATED = rf"\btask\s*[:：=]\s*[\[\"']*(?:{{names}}){NO_LETTER_AFTER}[\]\"']*"


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
    if not any("task" in one.text.lower() for one in request.messages):
        return request
    names = "|".join(re.escape(name) for name in sorted(tasks, key=len, reverse=True))
    stated = re.compile(STATED.format(names=names), re.IGNORECASE)
    return _rewritten(request, lambda text: stated.sub(" ", ANSWER.sub(" ", text)))


def without_name(request: ChatRequest, task: str) -> ChatRequest:
    """The request with "..." for the name of a task in the user's own texts; `request` itself where
    they do not hold it, and for UNKNOWN."""
    if task == UNKNOWN:
        return request
    words = r"\s+".join(map(re.escape, task.split()))
    name = re.compile(f"{NO_LETTER_BEFORE}{words}{NO_LETTER_AFTER}", re.IGNORECASE)
    return _rewritten(request, lambda text: name.sub("...", text))


def by_the_rest(
    request: ChatRequest, judged: Callable[[ChatRequest], Classification]
) -> Classification:
    """What `judged` says of a request; where the request holds the name of the task that comes out,
    what it says of the rest: a question cannot name its own task."""
    started = time.perf_counter()
    named = judged(request)
    rest = without_name(request, named.task)
    if rest is not request:
        named = judged(rest)
    return replace(named, seconds=time.perf_counter() - started)


def _rewritten(request: ChatRequest, rewrite: Callable[[str], str]) -> ChatRequest:
    """With each turn of the user as rewritten text alone, since that is what tasks are read from;
    `request` itself where nothing changes, or no word would be left."""
    turns = [
        replace(one, content=rewrite(one.text)) if one.role == "user" else one
        for one in request.messages
    ]
    same = all(new.text == old.text for new, old in zip(turns, request.messages, strict=True))
    if same or not any(one.role == "user" and WORD.search(one.text) for one in turns):
        return request
    return replace(request, messages=tuple(turns))
