"""ConsultedExpert: a client's expert as the backend that chooses an agent or writes its arguments.

A backend that is opened by itself knows neither limits nor budget nor the privacy gate; asked
through its client, it is bound by all of them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, Prompt
from edge_router.client.answer import AnswerStream, whole_answer
from edge_router.errors import AllBackendsFailed
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

__all__ = ["ConsultedExpert"]


class ConsultingClient(Protocol):
    """A client that asks one expert alone: an EdgeRouter."""

    @property
    def config(self) -> Config: ...

    def answer(
        self,
        prompt: Prompt,
        constraints: Constraints | None,
        rule: None,
        *,
        whole: bool,
        alone: str,
    ) -> AnswerStream: ...

    def close(self) -> None: ...


class ConsultedExpert:
    """The expert of that `name`. NoExpertFits is raised where limits, budget or privacy forbid to
    ask; `constraints` tighten the client's."""

    def __init__(
        self, client: ConsultingClient, name: str, constraints: Constraints | None = None
    ) -> None:
        self._client = client
        self._name = name
        self._constraints = constraints
        self.needs_network = client.config.experts[name].leaves_device

    def under(self, constraints: Constraints) -> ConsultedExpert:
        """The same expert, bound by these `constraints`, and booked for their caller."""
        return ConsultedExpert(self._client, self._name, constraints)

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        deadline.check(self._name)
        try:
            stream = self._client.answer(
                request, self._constraints, None, whole=True, alone=self._name
            )
            answer = whole_answer(stream.within(deadline))
        except AllBackendsFailed as error:  # this expert alone was asked
            raise error.failures.get(self._name, error) from None
        if deadline.cancelled:
            deadline.check(self._name)
        return ChatCompletion(
            answer.record.id,
            self._name,
            answer.text,
            answer.finish_reason,
            tool_calls=answer.tool_calls,
            reasoning_content=answer.reasoning_content,
            refusal=answer.refusal,
        )

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in one piece."""
        answer = self.complete(request, deadline=deadline)
        yield ChatChunk(answer.id, answer.model, answer.text, answer.finish_reason)

    def close(self) -> None:
        self._client.close()
