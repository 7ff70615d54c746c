"""LLMTaskClassifier: any expert names the task of a query, alone or with similar questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.client.outage import NOT_DOWN, UNREACHABLE_S
from edge_router.errors import AllBackendsFailed, BackendUnavailable, NoExpertFits
from edge_router.routing.deciding.reason import Reason
from edge_router.settings.constraints import Constraints

from .classification import Classification, Embed, without_answers, without_name
from .embedding.index import EmbeddingIndex
from .prompts import parsed_answer, task_prompt
from .task_list import UNKNOWN, TaskList

__all__ = [
    "Ask",
    "Consultable",
    "LLMTaskClassifier",
    "Retrieval",
    "asking_backend",
    "asking_client",
]

MAX_TOKENS = 48
EXAMPLES = 5
DEADLINE_S = 60.0

Ask = Callable[[ChatRequest, Constraints | None], str]
"""The text that a language model answers; raises BackendError, NoExpertFits, RouterClosed."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Where similar labelled questions come from: the `k` nearest of `index` by `embed`."""

    index: EmbeddingIndex
    embed: Embed
    k: int = EXAMPLES


class LLMTaskClassifier:
    """A general-purpose language model as the classifier (CoE-Ops, equation 6), with `retrieval` of
    similar questions (section IV-C) where one is given.

    `tasks` gives the list that counts now: a task added to it stands in the next prompt. Answers
    are parsed strictly, anything else is UNKNOWN. Where the question itself holds the name that the
    model answers, the model is asked again without it, and only what it answers both times counts:
    a question cannot name its own task.
    """

    def __init__(
        self,
        ask: Ask,
        tasks: Callable[[], TaskList],
        *,
        retrieval: Retrieval | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self._ask = ask
        self._tasks = tasks
        self._retrieval = retrieval
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        return "llm" if self._retrieval is None else "llm+examples"

    @property
    def tasks(self) -> TaskList:
        return self._tasks()

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:
        started = time.perf_counter()
        tasks = self.tasks
        request = without_answers(prompt, tasks)

        def asked(request: ChatRequest, examples: Sequence[Mapping[str, Any]]) -> str:
            question = next(one.text for one in reversed(request.messages) if one.role == "user")
            written = task_prompt(question, tasks, examples, max_tokens=self._max_tokens)
            return self._ask(written, constraints)

        examples = self._examples(request)
        answer = asked(request, examples)
        task = parsed_answer(answer, tasks)
        rest = without_name(request, task)
        if rest is not request:  # the similar questions too are those of the rest
            examples = self._examples(rest)
            if parsed_answer(asked(rest, examples), tasks) != task:
                task = UNKNOWN
        seconds = time.perf_counter() - started
        return Classification(task, self.name, seconds, examples=examples, answer=answer)

    def _examples(self, request: ChatRequest) -> tuple[Mapping[str, Any], ...]:
        """The nearest last, next to the question; a small model heeds what it read last."""
        if self._retrieval is None:
            return ()
        nearest = self._retrieval.index.nearest(self._retrieval.embed(request), self._retrieval.k)
        return tuple({**one.item, "similarity": one.similarity} for one in reversed(nearest))


def asking_backend(backend: Backend, *, deadline_s: float = DEADLINE_S) -> Ask:
    """Ask a backend itself, outside of any client: nothing limits its cost."""

    def ask(request: ChatRequest, _constraints: Constraints | None) -> str:
        return backend.complete(request, deadline=Deadline.after(deadline_s)).text

    return ask


class Answered(Protocol):
    """Whatever has the text of an answer."""

    @property
    def text(self) -> str: ...


class Consultable(Protocol):
    """A client that asks one expert alone: an EdgeRouter."""

    def consult(
        self, expert: str, prompt: Prompt, *, constraints: Constraints | None = None
    ) -> Answered:
        """See `EdgeRouter.consult`."""
        ...


def asking_client(client: Consultable, expert: str) -> Ask:
    """Ask one expert of a client, within its limits and its budget.

    A client avoids an expert that failed for a while: the failure says so, and so does a question
    within that time.
    """

    def ask(request: ChatRequest, constraints: Constraints | None) -> str:
        try:
            return client.consult(expert, request, constraints=constraints).text
        except AllBackendsFailed as error:  # this expert alone was asked
            failure = error.failures.get(expert, error)
            if isinstance(failure, BackendUnavailable) and not isinstance(failure, NOT_DOWN):
                stated = failure.retry_after_s
                failure.retry_after_s = UNREACHABLE_S if stated is None else stated
            raise failure from None
        except NoExpertFits as error:
            if set(error.excluded.values()) != {Reason.UNREACHABLE}:
                raise
            raise BackendUnavailable(str(error), retry_after_s=UNREACHABLE_S) from None

    return ask
