"""The protocol of an expert's backend: two verbs and a deadline."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, runtime_checkable

from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest

from .deadline import Cancellation, Deadline

__all__ = [
    "Backend",
    "Cancellation",
    "CountsTokens",
    "Deadline",
    "Loadable",
    "Preloads",
    "asks_network",
]

MOST_LAYERS = 64


class Backend(Protocol):
    """An expert that can answer. Safe to call from several threads.

    Both verbs raise only the BackendError family (and MissingExtra). Closing what `stream`
    returned cancels the answer, and so does `deadline.cancel()` from another thread: the verb then
    raises BackendUnavailable soon. The last chunk, and only it, has a finish reason.
    """

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        """The whole answer."""
        ...

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in pieces, the first as soon as it is known."""
        ...

    def close(self) -> None:
        """Release sockets, threads and memory; may be called twice."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """A backend that loads a model into this process for its first answer."""

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        ...

    @property
    def model_bytes(self) -> int:
        """Size of the model's weights: the least memory it needs."""
        ...


@runtime_checkable
class Preloads(Protocol):
    """A backend whose model can be loaded before its first answer."""

    def load(self, *, deadline: Deadline) -> None:
        """Load it, unless it is loaded. Raises as an answer does."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A backend that has its model's tokenizer at hand."""

    def count_tokens(self, text: str) -> int | None:
        """How many tokens a text has, None if they cannot be counted now. Thread-safe."""
        ...


def asks_network(backend: object) -> bool:
    """Whether a backend asks another host, itself or through the `inner` ones that it wraps."""
    for _ in range(MOST_LAYERS):
        if backend is None or getattr(backend, "needs_network", False):
            break
        backend = getattr(backend, "inner", None)
    return backend is not None
