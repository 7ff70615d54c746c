"""The replies of experts as frozen values: chunks of a stream, and completions.

Requests and messages, which live in `request` and `message`, can be had from here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from edge_router.errors import BackendProtocolError, ConfigError
from edge_router.guards.checks import (
    Check,
    any_text,
    each,
    flag,
    instance,
    one_of,
    optional,
    settle,
    whole,
)

from .conversation import FinishReason
from .message import Message, ToolCall
from .request import (
    CHARACTERS_PER_TOKEN,
    DEFAULT_MAX_TOKENS,
    MOST_TOKENS,
    ChatRequest,
    Prompt,
    estimated_tokens,
)

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "DEFAULT_MAX_TOKENS",
    "MOST_TOKENS",
    "ChatChunk",
    "ChatCompletion",
    "ChatRequest",
    "Ending",
    "FinishReason",
    "Joined",
    "Message",
    "Prompt",
    "TokenConfidence",
    "TokenLogprob",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
    "estimated_tokens",
]


Ending = Literal["complete", "cancelled", "broken"]

MOST_CALLS = 127  # the highest index of a call of a tool
MOST_COUNTED = 2**53  # tokens that an answer can have taken, by any means


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written for one answer.

    `dropped_messages` counts the oldest messages that were left out to fit the context. Of the
    `prompt_tokens`, `cached_tokens` were in a cache of the expert's; None where it does not say.
    Raises BackendProtocolError for impossible values, as all values do that an expert gives.
    """

    prompt_tokens: int
    completion_tokens: int
    dropped_messages: int = 0
    cached_tokens: int | None = None

    def __post_init__(self) -> None:
        if not (
            type(self.prompt_tokens)
            is type(self.completion_tokens)
            is type(self.dropped_messages)
            is int
            and 0 <= self.prompt_tokens <= MOST_COUNTED
            and 0 <= self.completion_tokens <= MOST_COUNTED
            and 0 <= self.dropped_messages <= MOST_COUNTED
            and self.cached_tokens is None
        ):
            _settle(self, USAGE_CHECKS)

    @property
    def total_tokens(self) -> int:
        """Tokens read and written together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class TokenConfidence:
    """A model's confidence in the first `tokens` tokens it wrote, and in the very first one.

    Over the model's own distribution, before any penalty and temperature: log-probabilities of the
    tokens that were chosen and entropies in nats, margins (the best probability less the second
    best) in 0..1.
    """

    tokens: int
    mean_log_probability: float
    mean_entropy: float
    min_margin: float
    first_log_probability: float
    first_entropy: float
    first_margin: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token with the natural logarithm of its probability; `top` are the likeliest tokens at its
    place, itself perhaps among them."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()

    def to_json(self) -> dict[str, object]:
        """OpenAI's dict."""
        top = [_logprob_json(token, logprob) for token, logprob in self.top]
        return {**_logprob_json(self.token, self.logprob), "top_logprobs": top}


def _logprob_json(token: str, logprob: float) -> dict[str, object]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode(errors="replace"))}


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call of a tool: the call's place among the calls of the answer, and what is
    added to it. Its `id` and its `name` come whole, with its first piece; `arguments` is JSON."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""

    def __post_init__(self) -> None:
        _settle(self, DELTA_CHECKS)

    def to_json(self) -> dict[str, object]:
        """OpenAI's dict; fields that are not set are left out."""
        function = {"arguments": self.arguments} | ({"name": self.name} if self.name else {})
        named = {"id": self.id, "type": "function"} if self.id else {}
        return {"index": self.index, **named, "function": function}


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """A piece of a streamed answer; `finish_reason` is set on the last piece and only there.

    `delta` is text to show; with `refuses` it is the words of a refusal. `reasoning_content` is
    what the model thinks, apart from the answer. `tool_calls` are pieces of calls of tools. With
    `restarts` all that came before it is void: another expert begins the answer anew.
    `confidence` is of the answer so far and may lack the token just written, so the first piece has
    none. It is None on every piece where the expert gives none.
    """

    id: str
    model: str
    delta: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    confidence: TokenConfidence | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    reasoning_content: str = ""
    refuses: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()
    restarts: bool = False

    def __post_init__(self) -> None:
        if not (
            type(self.id) is type(self.model) is type(self.delta) is str
            and self.finish_reason in FINISHED
            and (self.usage is None or type(self.usage) is Usage)
            and (self.confidence is None or type(self.confidence) is TokenConfidence)
            and type(self.reasoning_content) is str
            and type(self.tool_calls) is tuple
            and not self.tool_calls
            and type(self.logprobs) is tuple
            and not self.logprobs
            and self.refuses is self.restarts is False
        ):
            _settle(self, CHUNK_CHECKS)

    @property
    def is_thought(self) -> bool:
        """Whether it holds reasoning alone: no part of the answer has come with it."""
        return not (self.delta or self.tool_calls or self.finish_reason) and bool(
            self.reasoning_content
        )


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A whole answer. `usage` and `confidence` are None where the expert gives none.

    `text` is what to show, also of a refusal, whose words `refusal` holds too. With finish reason
    "tool_calls" the model waits for the results of `tool_calls`.
    """

    id: str
    model: str
    text: str
    finish_reason: FinishReason
    usage: Usage | None = None
    confidence: TokenConfidence | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning_content: str = ""
    refusal: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, COMPLETION_CHECKS)

    @classmethod
    def from_chunks(cls, chunks: Iterable[ChatChunk]) -> ChatCompletion:
        """Join a stream. Raises BackendProtocolError when it ends without a finish reason."""
        joined = Joined()
        for chunk in chunks:
            joined.take(chunk)
        last = joined.last
        if last is None or last.finish_reason is None:
            raise BackendProtocolError("the answer broke off before its end")
        return cls(
            last.id,
            last.model,
            "".join(joined.texts),
            last.finish_reason,
            joined.usage,
            joined.confidence,
            joined.tool_calls,
            "".join(joined.thoughts),
            "".join(joined.refusals),
            tuple(joined.logprobs),
        )


@dataclass(slots=True, eq=False)
class Joined:
    """What the chunks of an answer add up to, so far."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    usage: Usage | None = None
    confidence: TokenConfidence | None = None
    last: ChatChunk | None = None
    _calls: dict[int, list[ToolCallDelta]] = field(default_factory=dict)

    def take(self, chunk: ChatChunk) -> None:
        """Add one chunk."""
        if chunk.restarts:
            for before in (self.texts, self.thoughts, self.refusals, self.logprobs, self._calls):
                before.clear()
            self.usage = self.confidence = None
        self.texts.append(chunk.delta)
        if chunk.refuses:
            self.refusals.append(chunk.delta)
        if chunk.reasoning_content:
            self.thoughts.append(chunk.reasoning_content)
        self.logprobs += chunk.logprobs
        for delta in chunk.tool_calls:
            self._calls.setdefault(delta.index, []).append(delta)
        self.usage = chunk.usage or self.usage
        self.confidence = chunk.confidence or self.confidence
        self.last = chunk

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls of tools, in their order. Raises BackendProtocolError for one without a
        name."""
        return tuple(_joined_call(deltas) for _, deltas in sorted(self._calls.items()))


def _joined_call(deltas: list[ToolCallDelta]) -> ToolCall:
    name = next((delta.name for delta in deltas if delta.name), None)
    identity = next((delta.id for delta in deltas if delta.id), None)
    if name is None or identity is None:
        raise BackendProtocolError("the expert calls a tool without naming it")
    return ToolCall(identity, name, "".join(delta.arguments for delta in deltas))


_SHARED = {
    "id": any_text,
    "model": any_text,
    "usage": optional(instance(Usage)),
    "confidence": optional(instance(TokenConfidence)),
    "reasoning_content": any_text,
    "logprobs": each(instance(TokenLogprob)),
}
FINISHED = (None, *get_args(FinishReason))
USAGE_CHECKS = {
    name: whole(0, MOST_COUNTED)
    for name in ("prompt_tokens", "completion_tokens", "dropped_messages")
} | {"cached_tokens": optional(whole(0, MOST_COUNTED))}
DELTA_CHECKS = {
    "index": whole(0, MOST_CALLS),
    "id": optional(any_text),
    "name": optional(any_text),
    "arguments": any_text,
}
CHUNK_CHECKS = _SHARED | {
    "delta": any_text,
    "finish_reason": optional(one_of(*get_args(FinishReason))),
    "tool_calls": each(instance(ToolCallDelta)),
    "refuses": flag,
    "restarts": flag,
}
COMPLETION_CHECKS = _SHARED | {
    "text": any_text,
    "finish_reason": one_of(*get_args(FinishReason)),
    "tool_calls": each(instance(ToolCall)),
    "refusal": any_text,
}


def _settle(value: object, checks: Mapping[str, Check]) -> None:
    """`settle` for an expert's values: the message holds no text of the answer."""
    try:
        settle(value, checks, type(value).__name__)
    except ConfigError as error:
        raise BackendProtocolError(f"the expert gave what is no answer: {error}") from None
