"""OpenAI's chat shape as frozen values: messages and requests, chunks and completions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from edge_router.errors import BackendProtocolError, ConfigError, InvalidRequest
from edge_router.guards.checks import (
    Check,
    any_text,
    instance,
    one_of,
    optional,
    settle,
    whole,
)

from .conversation import (
    BYTES,
    KNOWN,
    Role,
    plain_text,
    role_of,
    schema_of,
    series_of,
    stops_of,
    temperature_of,
    turn_of,
    whole_of,
)

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "DEFAULT_MAX_TOKENS",
    "ChatChunk",
    "ChatCompletion",
    "ChatRequest",
    "Ending",
    "FinishReason",
    "Message",
    "Prompt",
    "TokenConfidence",
    "Usage",
    "estimated_tokens",
]


FinishReason = Literal["stop", "length", "content_filter"]
Ending = Literal["complete", "cancelled", "broken"]

CHARACTERS_PER_TOKEN = 4  # the stand-in wherever tokens were not counted
DEFAULT_MAX_TOKENS = 512
MOST_TOKENS = 2**31 - 1
MOST_COUNTED = 2**53  # tokens that an answer can have taken, by any means


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    "developer" is today's name of "system". Raises InvalidRequest for a role that is not system,
    user or assistant, and for content that is not text or cannot be written as UTF-8.
    """

    role: Role
    content: str

    def __post_init__(self) -> None:
        if type(self.role) is not str or self.role not in KNOWN:
            object.__setattr__(self, "role", role_of(self.role))
        if type(self.content) is not str:
            object.__setattr__(self, "content", plain_text(self.content))
        _require_utf8(self.content)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to answer, with the settings of the answer.

    `messages` may be given as any series of messages, ours or OpenAI's dicts; `stop` as one text
    or several. `max_tokens` is always finite: a small model left alone fills its whole context.
    `temperature` is 0 or more; None leaves it to a remote expert and means 0 for a local one.
    `seed` makes sampling repeatable where the expert supports it. `json_schema`, an object or its
    JSON, asks for an answer that fits it: a local expert can write nothing else, of a remote one it
    has to be checked.
    Raises InvalidRequest when no user message holds any text, and for a wrong setting.
    """

    messages: tuple[Message, ...]
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    json_schema: str | None = None

    def __post_init__(self) -> None:
        if type(self.messages) is not tuple or {*map(type, self.messages)} != {Message}:
            object.__setattr__(self, "messages", _messages(self.messages))
        if not any(m.role == "user" and not _is_blank(m.content) for m in self.messages):
            raise InvalidRequest("the query is empty; give at least one user message with text")
        if type(self.max_tokens) is not int or not 1 <= self.max_tokens <= MOST_TOKENS:
            limit = whole_of("max_tokens", self.max_tokens, 1, MOST_TOKENS)
            object.__setattr__(self, "max_tokens", limit)
        if self.temperature is not None:
            object.__setattr__(self, "temperature", temperature_of(self.temperature))
        if self.stop != ():
            object.__setattr__(self, "stop", stops_of(self.stop))
            for text in self.stop:
                _require_utf8(text)
        if self.seed is not None:
            object.__setattr__(self, "seed", whole_of("seed", self.seed, -(2**63), 2**63 - 1))
        if self.json_schema is not None:
            object.__setattr__(self, "json_schema", schema_of(self.json_schema))

    @classmethod
    def of(cls, prompt: Prompt) -> ChatRequest:
        """The request for a text, for messages (ours or OpenAI's dicts), or for a request."""
        if isinstance(prompt, ChatRequest):
            return prompt
        if isinstance(prompt, str):
            return cls((Message("user", prompt),))
        if isinstance(prompt, Iterable) and not isinstance(prompt, (*BYTES, Mapping)):
            return cls(_messages(prompt))
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

    def to_json(self) -> dict[str, Any]:
        """Every field by its name, in OpenAI's shape; `ChatRequest(**content)` makes it again."""
        return asdict(self) | {
            "messages": [asdict(message) for message in self.messages],
            "stop": list(self.stop),
        }


Prompt = str | ChatRequest | Iterable[Message | Mapping[str, Any]]


def _messages(stated: Any) -> tuple[Message, ...]:
    """A series of messages, ours or OpenAI's dicts. Raises InvalidRequest."""
    return tuple(
        item if isinstance(item, Message) else Message(*turn_of(item)) for item in series_of(stated)
    )


def _require_utf8(text: str) -> None:
    """Raise InvalidRequest for a text that cannot be written as UTF-8."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"the text is not valid UTF-8 (character {error.start} is half of a pair or a raw "
            "byte); decode it with errors='replace' first"
        ) from None


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written for one answer.

    `dropped_messages` counts the oldest messages that were left out to fit the context. Raises
    BackendProtocolError for impossible values, as all values do that an expert gives.
    """

    prompt_tokens: int
    completion_tokens: int
    dropped_messages: int = 0

    def __post_init__(self) -> None:
        if not (
            type(self.prompt_tokens)
            is type(self.completion_tokens)
            is type(self.dropped_messages)
            is int
            and 0 <= self.prompt_tokens <= MOST_COUNTED
            and 0 <= self.completion_tokens <= MOST_COUNTED
            and 0 <= self.dropped_messages <= MOST_COUNTED
        ):
            _settle(self, USAGE_CHECKS)


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
class ChatChunk:
    """A piece of a streamed answer; `finish_reason` is set on the last piece and only there.

    `confidence` is of the answer so far and may lack the token just written, so the first piece has
    none. It is None on every piece where the expert gives none.
    """

    id: str
    model: str
    delta: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    confidence: TokenConfidence | None = None

    def __post_init__(self) -> None:
        if not (
            type(self.id) is type(self.model) is type(self.delta) is str
            and self.finish_reason in FINISHED
            and (self.usage is None or type(self.usage) is Usage)
            and (self.confidence is None or type(self.confidence) is TokenConfidence)
        ):
            _settle(self, CHUNK_CHECKS)


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A whole answer. `usage` and `confidence` are None where the expert gives none."""

    id: str
    model: str
    text: str
    finish_reason: FinishReason
    usage: Usage | None = None
    confidence: TokenConfidence | None = None

    def __post_init__(self) -> None:
        _settle(self, COMPLETION_CHECKS)

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


_SHARED = {
    "id": any_text,
    "model": any_text,
    "usage": optional(instance(Usage)),
    "confidence": optional(instance(TokenConfidence)),
}
FINISHED = (None, *get_args(FinishReason))
USAGE_CHECKS = {
    name: whole(0, MOST_COUNTED)
    for name in ("prompt_tokens", "completion_tokens", "dropped_messages")
}
CHUNK_CHECKS = _SHARED | {
    "delta": any_text,
    "finish_reason": optional(one_of(*get_args(FinishReason))),
}
COMPLETION_CHECKS = _SHARED | {"text": any_text, "finish_reason": one_of(*get_args(FinishReason))}


def _settle(value: object, checks: Mapping[str, Check]) -> None:
    """`settle` for an expert's values: the message holds no text of the answer."""
    try:
        settle(value, checks, type(value).__name__)
    except ConfigError as error:
        raise BackendProtocolError(f"the expert gave what is no answer: {error}") from None


def estimated_tokens(characters: int) -> int:
    """An estimate of the tokens of a text, where no tokenizer is at hand."""
    return -(-characters // CHARACTERS_PER_TOKEN)
