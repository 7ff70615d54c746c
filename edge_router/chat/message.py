"""Message: one turn of a conversation, with its parts and its calls of tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_router.errors import InvalidRequest
from edge_router.guards.checks import FrozenDict

from .conversation import (
    BYTES,
    KNOWN,
    PartType,
    Role,
    called,
    part_of,
    plain_text,
    role_of,
    series_of,
    turn_of,
)

__all__ = ["Message", "Part", "ToolCall", "last_turn", "messages_of", "require_utf8"]

IMAGE_CHARACTERS = 4_000  # about 1,000 tokens, what most models read of an image
BASE64_PER_TOKEN = 600  # of speech as MP3 or of a PDF, about
HEAD = 4_096  # characters of an image, a sound or a file that a server may quote


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message's content: a text, or an image, a sound or a file as OpenAI states it.

    `type` is "text", "image_url", "input_audio" or "file". `value` is the text, or the object of
    texts: `{"url": ...}` (`data:`, `https:` or `http:`), `{"data": ..., "format": ...}`,
    `{"file_data": ...}` or `{"file_id": ...}`. Raises InvalidRequest for anything else.
    """

    type: PartType
    value: str | Mapping[str, str] = field(hash=False)

    def __post_init__(self) -> None:
        kind, value = part_of({"type": self.type, str(self.type): self.value})
        if kind == "refusal":
            raise InvalidRequest("a refusal is no part; state it as the message's refusal")
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "value", value if kind == "text" else FrozenDict(value))
        for text in self._texts():
            require_utf8(text)

    def _texts(self) -> Iterable[str]:
        return (self.value,) if isinstance(self.value, str) else self.value.values()

    @property
    def text(self) -> str:
        """The text of a part that is one, else ""."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def is_remote(self) -> bool:
        """Whether the one who reads it has to fetch it from a network first."""
        if isinstance(self.value, str) or self.type != "image_url":
            return False
        return not self.value["url"].lower().startswith("data:")

    @property
    def characters(self) -> int:
        """Its length, or the length of a text that takes about as many tokens."""
        if isinstance(self.value, str):
            return len(self.value)
        if self.type == "image_url":
            return IMAGE_CHARACTERS
        data = self.value.get("data") or self.value.get("file_data") or ""
        return max(IMAGE_CHARACTERS, 4 * len(data) // BASE64_PER_TOKEN)

    @property
    def heads(self) -> tuple[str, ...]:
        """The beginnings of its texts, as much as a server would quote of them."""
        return tuple(text[:HEAD] for text in self._texts())

    def to_json(self) -> dict[str, Any]:
        """OpenAI's dict."""
        value = self.value if isinstance(self.value, str) else dict(self.value)
        return {"type": self.type, self.type: value}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool by a model. `arguments` is JSON as the model wrote it, which may be invalid.

    `id` is what the message with the result names as its `tool_call_id`. Raises InvalidRequest for
    what is no text, and for an empty id or name.
    """

    id: str
    name: str
    arguments: str = "{}"

    def __post_init__(self) -> None:
        for what in ("id", "name", "arguments"):
            stated = getattr(self, what)
            text = plain_text(stated, f"the {what} of a call of a tool")
            if not text and what != "arguments":
                raise InvalidRequest(f"the {what} of a call of a tool is empty")
            require_utf8(text)
            object.__setattr__(self, what, text)

    def to_json(self) -> dict[str, Any]:
        """OpenAI's dict."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, as OpenAI's chat API has it.

    `content` is a text. It is a tuple of parts where it holds more than text, and None in a turn
    of an assistant that only calls tools or refuses; `text` is its text in any case. Parts may be
    given as OpenAI's dicts; parts that are all text become one text, as in the models' own
    templates. "developer" is today's name of "system". A "tool" message is the result of the call
    `tool_call_id`. `reasoning_content` is what an assistant thought before it answered: some
    models want it back in a conversation with tools. Raises InvalidRequest for an unknown role,
    for content that is not text or cannot be written as UTF-8, and for fields of another role.
    """

    role: Role
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None

    def __post_init__(self) -> None:
        if type(self.role) is not str or self.role not in KNOWN:
            object.__setattr__(self, "role", role_of(self.role))
        if type(self.content) is not str:
            self._settle_content()
        if not self._is_plain():
            self._settle_fields()
        if type(self.content) is str:
            require_utf8(self.content)

    def _is_plain(self) -> bool:
        """Whether it has a role and a content, and nothing else to check."""
        return (
            type(self.tool_calls) is tuple
            and not self.tool_calls
            and self.tool_call_id is self.name is self.refusal is self.reasoning_content is None
            and self.role != "tool"
        )

    def _settle_content(self) -> None:
        content = self.content
        if isinstance(content, (list, tuple)):
            parts, refusal = _parts(content)
            object.__setattr__(self, "content", parts)
            if refusal:
                object.__setattr__(self, "refusal", (self.refusal or "") + refusal)
            if not isinstance(parts, str) and self.role not in ("user", "tool"):
                raise InvalidRequest(
                    f"a message of the role {self.role!r} holds text alone; put images, sound and "
                    "files into a user message"
                )
        elif content is not None or self.role != "assistant":
            object.__setattr__(self, "content", plain_text(content))
        elif self.refusal is None and type(self.tool_calls) is tuple and not self.tool_calls:
            plain_text(content)

    def _settle_fields(self) -> None:
        object.__setattr__(self, "tool_calls", _calls(self.tool_calls))
        for name in ("tool_call_id", "name", "refusal", "reasoning_content"):
            if (stated := getattr(self, name)) is not None:
                text = plain_text(stated, f"the {name} of a message")
                require_utf8(text)
                object.__setattr__(self, name, text or None)
        if self.role == "tool" and not self.tool_call_id:
            raise InvalidRequest("a tool message needs tool_call_id, the id of the call it answers")
        if self.role != "tool" and self.tool_call_id is not None:
            raise InvalidRequest(f"tool_call_id belongs to role 'tool', not {self.role!r}")
        for name in ("tool_calls", "refusal", "reasoning_content"):
            if getattr(self, name) and self.role != "assistant":
                raise InvalidRequest(f"{name} belongs to role 'assistant', not {self.role!r}")

    @property
    def text(self) -> str:
        """The text of the content, "" for none."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or ())

    @property
    def media(self) -> tuple[Part, ...]:
        """The parts that are no text."""
        if self.content is None or isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if part.type != "text")

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text in it that a model reads: of the content, of the calls and of the rest."""
        if self._is_plain() and type(self.content) is str:
            return (self.content,)
        others = (self.name, self.refusal, self.reasoning_content)
        calls = (text for call in self.tool_calls for text in (call.name, call.arguments))
        return tuple(filter(None, (self.text, *calls, *others)))

    @property
    def characters(self) -> int:
        """Its length in characters; an image, a sound or a file counts as about a text of as many
        tokens."""
        if type(self.content) is str and self._is_plain():
            return len(self.content)
        return sum(map(len, self.texts)) + sum(part.characters for part in self.media)

    @property
    def private_texts(self) -> tuple[str, ...]:
        """The texts that no message about it may quote, of media as much as a server would."""
        return (*self.texts, *(head for part in self.media for head in part.heads))

    def to_json(self) -> dict[str, Any]:
        """OpenAI's dict; fields that are not set are left out."""
        content: Any = self.content
        if not isinstance(content, str) and content is not None:
            content = [part.to_json() for part in content]
        fields: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            fields["tool_calls"] = [call.to_json() for call in self.tool_calls]
        others = {name: getattr(self, name) for name in OPTIONAL}
        return fields | {name: value for name, value in others.items() if value is not None}


OPTIONAL = ("tool_call_id", "name", "refusal", "reasoning_content")


def last_turn(messages: Sequence[Message]) -> int:
    """Where the last turn begins: at the last message, or, where that is part of a turn with calls
    of tools, at the user's message before it."""
    last = len(messages) - 1
    if messages[last].role != "tool" and not messages[last].tool_calls:
        return last
    return max((at for at, message in enumerate(messages) if message.role == "user"), default=last)


def messages_of(stated: Any) -> tuple[Message, ...]:
    """A series of messages, ours or OpenAI's dicts. Raises InvalidRequest."""
    return tuple(
        one if isinstance(one, Message) else Message(**turn_of(one)) for one in series_of(stated)
    )


def _parts(stated: Iterable[Any]) -> tuple[str | tuple[Part, ...], str]:
    """The parts of a content, one text where all are text; and the words of a refusal, if any."""
    read: list[tuple[Any, Any]] = [
        (p.type, p.value) if isinstance(p, Part) else part_of(p) for p in stated
    ]
    refusal = "".join(value for kind, value in read if kind == "refusal")
    shown = [(kind, value) for kind, value in read if kind != "refusal"]
    if all(kind == "text" for kind, _ in shown):
        return "".join(value for _, value in shown), refusal
    return tuple(Part(kind, value) for kind, value in shown), refusal


def _calls(stated: Any) -> tuple[ToolCall, ...]:
    if isinstance(stated, (str, *BYTES, Mapping)) or not isinstance(stated, Iterable):
        raise InvalidRequest(f"tool_calls must be a list of calls, not {type(stated).__name__}")
    calls = (one if isinstance(one, ToolCall) else ToolCall(**called(one)) for one in stated)
    return tuple(_of_one_id_each(calls))


def _of_one_id_each(calls: Iterable[ToolCall]) -> Iterator[ToolCall]:
    seen: set[str] = set()
    for call in calls:
        if call.id in seen:
            raise InvalidRequest("two calls of tools have the same id; each needs its own")
        seen.add(call.id)
        yield call


def require_utf8(text: str) -> None:
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
