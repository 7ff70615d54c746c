"""ConsultedExpert: a client's expert as the backend that chooses an agent or writes its arguments.

A backend that is opened by itself knows neither limits nor budget nor the privacy gate; asked
through its client, it is bound by all of them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, Prompt
from edge_router.client.answer import Answer
from edge_router.errors import AllBackendsFailed
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

__all__ = ["ConsultedExpert"]


class ConsultingClient(Protocol):
    """A client that asks one expert alone: an EdgeRouter."""

    @property
    def config(self) -> Config: ...

    def consult(
        self, expert: str, prompt: Prompt, *, constraints: Constraints | None = None
    ) -> Answer: ...

    def close(self) -> None: ...


class ConsultedExpert:
    """The expert of that `name`. An answer has the time that the client gives it; NoExpertFits is
    raised where limits, budget or privacy forbid to ask."""

    def __init__(self, client: ConsultingClient, name: str) -> None:
        self._client = client
        self._name = name
        self.needs_network = client.config.experts[name].leaves_device

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        deadline.check(self._name)
        try:
            answer = self._client.consult(self._name, request)
        except AllBackendsFailed as error:  # this expert alone was asked
            raise error.failures.get(self._name, error) from None
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
