"""ChatRequest: a conversation to answer, with all that OpenAI's chat API lets one ask for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, Self, get_args

from edge_router.errors import InvalidRequest
from edge_router.guards.checks import FrozenDict
from edge_router.guards.redaction import quoted

from .capability import Capability, ReasoningEffort
from .conversation import BYTES, plain_text
from .message import Message, last_turn, messages_of, require_utf8
from .sampling import flag_of, number_of, stops_of, temperature_of, whole_of, word_of
from .tools import (
    NamedTool,
    ResponseFormat,
    Tool,
    ToolChoice,
    choice_of,
    described,
    format_of,
    frozen_json,
    texts_in,
    tools_of,
)

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "DEFAULT_MAX_TOKENS",
    "MOST_TOKENS",
    "ChatRequest",
    "Prompt",
    "ReasoningEffort",
    "estimated_tokens",
]

CHARACTERS_PER_TOKEN = 4  # the stand-in wherever tokens were not counted
DEFAULT_MAX_TOKENS = 512
MOST_TOKENS = 2**31 - 1
MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512  # OpenAI's limits
NOTHING: FrozenDict[str, Any] = FrozenDict()
NO_THOUGHT = (None, "none", "minimal")
OF_MEDIA = {
    "image_url": Capability.VISION,
    "input_audio": Capability.AUDIO,
    "file": Capability.FILES,
}
OURS = ("model", "stream", "stream_options", "n", "max_completion_tokens")
OLD = {"functions": "tools", "function_call": "tool_choice"}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to answer, with the settings of the answer, named as OpenAI names them.

    `messages` may be given as any series of messages, ours or OpenAI's dicts, and so may `tools`,
    `tool_choice` and `response_format`; `stop` as one text or several. `max_tokens` is always
    finite: a small model left alone fills its whole context. `max_completion_tokens` is today's
    name of it and wins. `temperature` is 0 or more; None leaves it to a remote expert and means 0
    for a local one. `seed` makes sampling repeatable where the expert supports it. One answer is
    given, so `n` is 1. What an expert must be able to do for it is in `needs`.

    `user`, `metadata` and `extra` (fields that a server adds to OpenAI's) go to the server that
    answers and nowhere else; a model in this process takes of `extra` only top_k, min_p and
    repeat_penalty. Raises InvalidRequest when no user message holds any text or media, and for a
    wrong setting.
    """

    messages: tuple[Message, ...]
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    reasoning_effort: ReasoningEffort | None = None
    user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING, hash=False)
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING, hash=False)
    max_completion_tokens: InitVar[int | None] = None
    n: InitVar[int | None] = 1

    def __post_init__(self, max_completion_tokens: int | None, n: int | None) -> None:
        if type(self.messages) is not tuple or {*map(type, self.messages)} != {Message}:
            object.__setattr__(self, "messages", messages_of(self.messages))
        if not any(m.role == "user" and not _is_empty(m) for m in self.messages):
            raise InvalidRequest("the query is empty; give at least one user message with text")
        if max_completion_tokens is not None:
            object.__setattr__(self, "max_tokens", max_completion_tokens)
        if type(self.max_tokens) is not int or not 1 <= self.max_tokens <= MOST_TOKENS:
            limit = whole_of("max_tokens", self.max_tokens, 1, MOST_TOKENS)
            object.__setattr__(self, "max_tokens", limit)
        if n is not None and (type(n) is not int or n != 1):
            raise InvalidRequest(f"n is {quoted(n)}; one answer is given, so it must be 1")
        if self.temperature is not None:
            object.__setattr__(self, "temperature", temperature_of(self.temperature))
        if self.stop != ():
            object.__setattr__(self, "stop", stops_of(self.stop))
            for text in self.stop:
                require_utf8(text)
        if self.seed is not None:
            object.__setattr__(self, "seed", whole_of("seed", self.seed, -(2**63), 2**63 - 1))
        if not self._has_defaults():
            for name, check in CHECKS.items():
                object.__setattr__(self, name, check(getattr(self, name)))
            self._check_together()
        _require_called(self.messages)

    def _has_defaults(self) -> bool:
        """Whether nothing is asked beyond text, its length and its sampling."""
        return (
            type(self.tools) is tuple
            and not self.tools
            and self.logprobs is False
            and {*map(type, STATED(self))} == {type(None)}
            and type(self.metadata) is type(self.extra) is FrozenDict
            and not self.metadata
            and not self.extra
        )

    def _check_together(self) -> None:
        """Check settings that depend on each other."""
        choice = choice_of(self.tool_choice, self.tools)
        object.__setattr__(self, "tool_choice", choice)
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidRequest(
                f"top_logprobs is {self.top_logprobs}, but logprobs is off; add logprobs=True"
            )

    @classmethod
    def of(cls, prompt: Prompt) -> ChatRequest:
        """The request for a text, for messages (ours or OpenAI's dicts), or for a request."""
        if isinstance(prompt, ChatRequest):
            return prompt
        if isinstance(prompt, str):
            return cls((Message("user", prompt),))
        if isinstance(prompt, Iterable) and not isinstance(prompt, (*BYTES, Mapping)):
            return cls(messages_of(prompt))
        raise InvalidRequest(
            f"cannot route a {type(prompt).__name__}; give a text, a list of messages or a "
            "ChatRequest"
        )

    @classmethod
    def from_openai(cls, body: Mapping[str, Any]) -> Self:
        """The request in the JSON body of a call of OpenAI's chat completions.

        `model`, `stream` and `stream_options` are the caller's to read; null means unset, and what
        OpenAI's API does not have becomes `extra`. Raises InvalidRequest.
        """
        if not isinstance(body, Mapping) or body.get("messages") is None:
            raise InvalidRequest("the body of a request must be a JSON object with 'messages'")
        for old, new in OLD.items():
            if body.get(old):
                raise InvalidRequest(f"{old} is the old form of {new}; use that one")
        stated = {name: value for name, value in body.items() if value is not None}
        known = {one.name for one in fields(cls)} - {"extra"} | {"n", "max_completion_tokens"}
        extra = {name: v for name, v in stated.items() if name not in known and name not in UNREAD}
        return cls(**{name: v for name, v in stated.items() if name in known}, extra=extra)

    @property
    def needs(self) -> frozenset[Capability]:
        """What an expert must be able to do to answer it."""
        needs = {OF_MEDIA[part.type] for m in self.messages for part in m.media}
        if self.tools or any(m.tool_calls or m.role == "tool" for m in self.messages):
            needs.add(Capability.TOOLS)
        if self.response_format is not None and self.response_format.type == "json_schema":
            needs.add(Capability.JSON_SCHEMA)
        if self.reasoning_effort not in NO_THOUGHT:
            needs.add(Capability.REASONING)
        if self.logprobs:
            needs.add(Capability.LOGPROBS)
        return frozenset(needs)

    @property
    def has_remote_parts(self) -> bool:
        """Whether the expert would have to fetch a part of it from a network."""
        return any(part.is_remote for message in self.messages for part in message.media)

    @property
    def question(self) -> str:
        """The text of the last user turn."""
        return next(m.text for m in reversed(self.messages) if m.role == "user")

    @property
    def characters(self) -> int:
        """Length of all that a model reads in characters: the conversation, and the tools."""
        length = sum(message.characters for message in self.messages)
        return length if not self.tools else length + sum(map(len, self.schemas))

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that a model reads: of the conversation, and of the tools."""
        conversation = tuple(text for message in self.messages for text in message.texts)
        return conversation if not self.tools else (*conversation, *self.schemas)

    @property
    def schemas(self) -> tuple[str, ...]:
        """The tools as a model reads them."""
        return tuple(json.dumps(tool.to_json(), ensure_ascii=False) for tool in self.tools)

    @property
    def untrimmable(self) -> tuple[Message, ...]:
        """The messages that a context must hold whole: those of the system, and the last turn; with
        results of tools that is everything from the last question on."""
        if len(self.messages) == 1:
            return self.messages
        at = last_turn(self.messages)
        systems = (message for message in self.messages[:at] if message.role == "system")
        return (*systems, *self.messages[at:])

    @property
    def private_texts(self) -> tuple[str, ...]:
        """The texts that no message about it may quote: all that people or tools wrote."""
        texts = [text for message in self.messages for text in message.private_texts]
        texts += [*self.stop, *self.metadata, *self.metadata.values(), *texts_in(self.extra)]
        texts += [] if self.user is None else [self.user]
        schemas: list[Any] = [tool.parameters for tool in self.tools]
        texts += [tool.description for tool in self.tools]
        if self.response_format is not None:
            schemas.append(self.response_format.schema)
            texts.append(self.response_format.description)
        texts += [text for schema in schemas for text in described(schema)]
        return tuple(filter(None, texts))

    def with_messages(self, *messages: Message) -> ChatRequest:
        """The same request with `messages` appended."""
        return replace(self, messages=(*self.messages, *messages))

    def to_json(self) -> dict[str, Any]:
        """Every field by its name, in OpenAI's shape; `ChatRequest(**content)` makes it again."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        choice, form = self.tool_choice, self.response_format
        return content | {
            "messages": [message.to_json() for message in self.messages],
            "stop": list(self.stop),
            "tools": [tool.to_json() for tool in self.tools],
            "tool_choice": choice.to_json() if isinstance(choice, NamedTool) else choice,
            "response_format": None if form is None else form.to_json(),
            "metadata": dict(self.metadata),
            "extra": dict(self.extra),
        }


def estimated_tokens(characters: int) -> int:
    """An estimate of the tokens of a text, where no tokenizer is at hand."""
    return -(-characters // CHARACTERS_PER_TOKEN)


Prompt = str | ChatRequest | Iterable[Message | Mapping[str, Any]]
UNREAD = ("model", "stream", "stream_options", *OLD)
# Those that text has no use for; temperature and seed come first.
STATED = attrgetter(*[one.name for one in fields(ChatRequest) if one.default is None][2:])
FIELDS = frozenset({one.name for one in fields(ChatRequest)} - {"extra"}) | {*OURS, *OLD}


def _is_empty(message: Message) -> bool:
    text = message.text
    return (not text or text.isspace()) and not message.media


def _require_called(messages: tuple[Message, ...]) -> None:
    """Raise InvalidRequest for the result of a call that no message before it makes."""
    if all(message.role != "tool" for message in messages):
        return
    calls: set[str] = set()
    for at, message in enumerate(messages):
        calls.update(call.id for call in message.tool_calls)
        if message.role == "tool" and message.tool_call_id not in calls:
            raise InvalidRequest(
                f"message {at} is the result of a call of a tool that no message before it makes; "
                "keep the assistant message whose tool_calls has its tool_call_id"
            )


def _metadata(stated: Any) -> FrozenDict[str, str]:
    if stated is None:
        return FrozenDict()
    if not isinstance(stated, Mapping) or len(stated) > MOST_METADATA:
        what = f"{len(stated)} pairs" if isinstance(stated, Mapping) else type(stated).__name__
        raise InvalidRequest(f"metadata is {what}; it must be a dict of {MOST_METADATA} at most")
    for name, value in stated.items():
        for text, most in ((name, LONGEST_KEY), (value, LONGEST_VALUE)):
            if not isinstance(text, str) or len(text) > most:
                raise InvalidRequest(
                    f"metadata must map texts of {LONGEST_KEY} characters at most to texts of "
                    f"{LONGEST_VALUE} at most"
                )
            require_utf8(text)
    return FrozenDict(stated)


def _extra(stated: Any) -> FrozenDict[str, Any]:
    if stated is None:
        return FrozenDict()
    if not isinstance(stated, Mapping) or not all(isinstance(name, str) for name in stated):
        raise InvalidRequest(f"extra must be a dict with texts as keys, not {quoted(stated)}")
    for name in stated:
        if name in FIELDS:
            raise InvalidRequest(f"extra must not hold {name!r}; it is a field of its own")
    frozen: FrozenDict[str, Any] = frozen_json(dict(stated), "extra")
    return frozen


def _user(stated: Any) -> str | None:
    if stated is None:
        return None
    text = plain_text(stated, "user")
    require_utf8(text)
    return text


def _optional(check: Any) -> Any:
    return lambda value: None if value is None else check(value)


CHECKS: Mapping[str, Any] = {
    "tools": lambda value: () if value is None else tools_of(value),
    "parallel_tool_calls": _optional(lambda value: flag_of("parallel_tool_calls", value)),
    "response_format": _optional(format_of),
    "top_p": _optional(lambda value: number_of("top_p", value, 0.0, 1.0)),
    "presence_penalty": _optional(lambda v: number_of("presence_penalty", v, -2.0, 2.0)),
    "frequency_penalty": _optional(lambda v: number_of("frequency_penalty", v, -2.0, 2.0)),
    "logprobs": lambda value: False if value is None else flag_of("logprobs", value),
    "top_logprobs": _optional(lambda value: whole_of("top_logprobs", value, 0, 20)),
    "reasoning_effort": _optional(
        lambda value: word_of("reasoning_effort", value, get_args(ReasoningEffort))
    ),
    "user": _user,
    "metadata": _metadata,
    "extra": _extra,
}
