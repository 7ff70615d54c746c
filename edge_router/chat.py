"""OpenAI's chat shape as frozen values: what goes to an expert and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from .errors import BackendProtocolError, InvalidRequest

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter"]

ROLES = get_args(Role)
DEFAULT_MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Raises InvalidRequest for a role that is not system, user or assistant, and for content that
    is not text or cannot be written as UTF-8.
    """

    role: Role
    content: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InvalidRequest(f"role {self.role!r} is unknown; use one of {ROLES}")
        if not isinstance(self.content, str):
            raise InvalidRequest(
                f"a message's content must be text, not {type(self.content).__name__}"
            )
        _require_utf8(self.content)


def _require_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"the text is not valid UTF-8 (character {error.start} is half of a pair or a raw "
            "byte); decode it with errors='replace' first"
        ) from None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation that waits for its next answer.

    `max_tokens` is always finite: a small model left alone fills its whole context.
    `temperature` is 0 or more; None leaves it to a remote expert and means 0 for a local one.
    `seed` makes sampling repeatable where the expert supports it.
    Raises InvalidRequest when no user message holds any text.
    """

    messages: tuple[Message, ...]
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        if not any(m.role == "user" and not _is_blank(m.content) for m in self.messages):
            raise InvalidRequest("the query is empty; give at least one user message with text")
        if self.max_tokens < 1:
            raise InvalidRequest(f"max_tokens is {self.max_tokens}; it must be 1 or more")
        for text in self.stop:
            _require_utf8(text)
        if self.temperature is not None and not 0 <= self.temperature < float("inf"):
            raise InvalidRequest(f"temperature is {self.temperature}; it must be 0 or more")

    @classmethod
    def of(cls, prompt: Prompt) -> ChatRequest:
        """Accept what users have at hand: a text, messages (ours or OpenAI's dicts), a request."""
        if isinstance(prompt, ChatRequest):
            return prompt
        if isinstance(prompt, str):
            return cls((Message("user", prompt),))
        if isinstance(prompt, Iterable) and not isinstance(prompt, (bytes, Mapping)):
            return cls(tuple(_message(item) for item in prompt))
        raise InvalidRequest(
            f"cannot route a {type(prompt).__name__}; give a text, a list of messages or a "
            "ChatRequest"
        )

    @property
    def characters(self) -> int:
        """Length of the whole conversation in characters."""
        return sum(len(message.content) for message in self.messages)

    def with_messages(self, *messages: Message) -> ChatRequest:
        """The same request with `messages` appended."""
        return replace(self, messages=(*self.messages, *messages))


Prompt = str | ChatRequest | Iterable[Message | Mapping[str, Any]]


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _message(item: Message | Mapping[str, Any]) -> Message:
    if isinstance(item, Message):
        return item
    if not isinstance(item, Mapping) or not {"role", "content"} <= item.keys():
        raise InvalidRequest(f"a message needs 'role' and 'content', got {str(item)[:80]!r}")
    return Message(item["role"], item["content"])


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written for one answer.

    `dropped_messages` counts the oldest messages that were left out to fit the context.
    """

    prompt_tokens: int
    completion_tokens: int
    dropped_messages: int = 0


@dataclass(frozen=True, slots=True)
class TokenConfidence:
    """How sure a model was of the first `tokens` tokens it wrote, and of the very first one.

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
class ChatChunk:
    """A piece of a streamed answer; `finish_reason` is set on the last piece and only there.

    `confidence` is of the answer so far and may lack the token just written, so the first piece has
    none. It is None on every piece where the expert does not tell.
    """

    id: str
    model: str
    delta: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    confidence: TokenConfidence | None = None


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A whole answer. `usage` and `confidence` are None where the expert does not tell."""

    id: str
    model: str
    text: str
    finish_reason: FinishReason
    usage: Usage | None = None
    confidence: TokenConfidence | None = None

    @classmethod
    def from_chunks(cls, chunks: Iterable[ChatChunk]) -> ChatCompletion:
        """Join a stream. Raises BackendProtocolError when it ends without a finish reason."""
        parts: list[str] = []
        last: ChatChunk | None = None
        usage: Usage | None = None
        confidence: TokenConfidence | None = None
        for chunk in chunks:
            parts.append(chunk.delta)
            usage = chunk.usage or usage
            confidence = chunk.confidence or confidence
            last = chunk
        if last is None or last.finish_reason is None:
            raise BackendProtocolError("the answer broke off before its end")
        return cls(last.id, last.model, "".join(parts), last.finish_reason, usage, confidence)
