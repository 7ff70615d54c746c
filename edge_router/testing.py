"""Fakes for tests, ours and those of our users: an encoder and an expert without any weights."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence

import numpy as np

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import (
    CHARACTERS_PER_TOKEN,
    ChatChunk,
    ChatCompletion,
    ChatRequest,
    FinishReason,
    TokenConfidence,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from edge_router.errors import BackendError
from edge_router.routing.artifact.representation import Representation

__all__ = ["FakeBackend", "FakeEncoder"]


class FakeEncoder:
    """Gives each text the vector that `vectors` holds for it, and a zero vector to all others."""

    def __init__(self, dim: int, vectors: Mapping[str, list[float]] | None = None) -> None:
        self._dim = dim
        self._vectors = dict(vectors or {})

    def represent(self, text: str) -> Representation:
        vector = self._vectors.get(text, [0.0] * self._dim)
        return Representation(np.asarray(vector, dtype=np.float32), log_tokens=4.0)


class FakeBackend:
    """An expert that says `text` word by word, or fails.

    `error` is raised before anything is said, or after `fail_after` pieces; `delay_s` is waited
    before each piece, unless the answer is cancelled meanwhile. `requests` keeps what was asked.
    With `margin` (0..1) it tells as its confidence that the best word led by so much, a word being
    a token. It thinks `reasoning_content` first, word by word, and calls `tool_calls` at the end;
    with those and an empty `text` it says nothing.
    """

    def __init__(
        self,
        text: str = "A fake answer.",
        *,
        error: BackendError | None = None,
        fail_after: int = 0,
        delay_s: float = 0.0,
        margin: float | None = None,
        reasoning_content: str = "",
        tool_calls: Sequence[ToolCall] = (),
    ) -> None:
        self.text = text
        self.error = error
        self.fail_after = fail_after
        self.delay_s = delay_s
        self.margin = margin
        self.reasoning_content = reasoning_content
        self.tool_calls = tuple(tool_calls)
        self.requests: list[ChatRequest] = []
        self.closed = False

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        return ChatCompletion.from_chunks(self.stream(request, deadline=deadline))

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        self.requests.append(request)
        for thought in filter(None, self.reasoning_content.split(" ")):
            _wait(self.delay_s, deadline)
            yield ChatChunk("fake-1", "fake", "", reasoning_content=f"{thought} ")
        pieces = self.text.split(" ") if self.text or not self.tool_calls else []
        for number, piece in enumerate(pieces):
            if self.error is not None and number >= self.fail_after:
                raise self.error
            _wait(self.delay_s, deadline)
            delta = piece if number == 0 else f" {piece}"
            yield ChatChunk("fake-1", "fake", delta, confidence=self._confidence(number))
        for place, call in enumerate(self.tool_calls):
            delta_of_call = ToolCallDelta(place, call.id, call.name, call.arguments)
            yield ChatChunk("fake-1", "fake", "", tool_calls=(delta_of_call,))
        tokens = len(pieces) + len(self.tool_calls)
        usage = Usage(request.characters // CHARACTERS_PER_TOKEN, tokens)
        reason: FinishReason = "tool_calls" if self.tool_calls else "stop"
        yield ChatChunk("fake-1", "fake", "", reason, usage, self._confidence(len(pieces)))

    def _confidence(self, tokens: int) -> TokenConfidence | None:
        if self.margin is None or tokens == 0:
            return None
        return TokenConfidence(tokens, -1.0, 1.0, self.margin, -1.0, 1.0, self.margin)

    def close(self) -> None:
        self.closed = True


def _wait(seconds: float, deadline: Deadline) -> None:
    """Wait, but not past the deadline or beyond a cancellation. Raises BackendUnavailable."""
    ended = threading.Event()
    with deadline.waking(ended.set):
        ended.wait(min(seconds, deadline.remaining()))
    deadline.check("the fake expert")
