"""Conversations as clients keep them become messages; what would be lost is refused by name.

No message about a conversation holds any of its text: only types, keys and lengths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edge_router.errors import InvalidRequest
from edge_router.guards.redaction import quoted

__all__ = ["messages_of", "role_of"]


ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",  # OpenAI's newer name of it
    "user": "user",
    "assistant": "assistant",
}
KNOWN = ("system", "user", "assistant")
TOOL_ROLES = ("tool", "function")
TOOL_KEYS = ("tool_calls", "function_call")
TEXT_PARTS = ("text", "input_text", "output_text")
NO_TOOLS = "tool calls are not passed on in this version; leave them and their results out"
WORD = re.compile(r"[A-Za-z_]{1,24}")
MOST_KEYS = 8


def messages_of(stated: Any) -> tuple[Message, ...]:
    """Messages from a series of ours or of OpenAI's dicts. Raises InvalidRequest."""
    if isinstance(stated, (str, bytes, bytearray, memoryview, Mapping)):
        raise InvalidRequest(
            f"messages must be a list of messages, not a {type(stated).__name__}; "
            "ChatRequest.of(...) takes a text"
        )
    if not isinstance(stated, Iterable):
        raise InvalidRequest(f"messages must be a list of messages, not {type(stated).__name__}")
    return tuple(_message(item) for item in stated)


def _message(item: Any) -> Message:
    if isinstance(item, Message):
        return item
    if not isinstance(item, Mapping) or not {"role", "content"} <= item.keys():
        raise InvalidRequest(f"a message needs 'role' and 'content', got {_told(item)}")
    if any(_is_there(item.get(key)) for key in TOOL_KEYS):
        raise InvalidRequest(f"a message holds a call of a tool; {NO_TOOLS}")
    return Message(role_of(item["role"]), _content(item["content"]))


def _is_there(calls: Any) -> bool:
    """Clients write the key whether there are calls or not."""
    if isinstance(calls, (list, tuple, str, Mapping)):
        return len(calls) > 0
    return calls is not None


def role_of(role: Any) -> Role:
    """The role of that name. Raises InvalidRequest; what is no name of a role is not told."""
    if isinstance(role, str):
        if role in ROLES:
            return ROLES[role]
        if role in TOOL_ROLES:
            raise InvalidRequest(f"role {str(role)!r} is unknown; use one of {KNOWN}: {NO_TOOLS}")
        lower = role.casefold()
        hint = f" (did you mean {lower!r}?)" if lower in ROLES else ""
        told = repr(str.__str__(role)) if hint or not role else f"of {len(role)} characters"
    else:
        hint = ""
        told = quoted(role) if role is None or type(role) in (bool, int) else type(role).__name__
    raise InvalidRequest(f"role {told} is unknown; use one of {KNOWN}{hint}")


def _content(content: Any) -> Any:
    """Text as it is; parts that are all text, joined as the models' own templates do."""
    if not isinstance(content, (list, tuple)):
        return content
    return "".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise InvalidRequest(f"a part of a message must be a dict, not {type(part).__name__}")
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in TEXT_PARTS:
        is_word = isinstance(kind, str) and WORD.fullmatch(kind)
        named = f"of type {str(kind)!r}" if is_word else "without a type"
        raise InvalidRequest(f"a message has a part {named}; only text can be routed")
    text = part.get("text")
    if not isinstance(text, str):
        raise InvalidRequest(f"the text of a part must be text, not {type(text).__name__}")
    return text


def _told(item: Any) -> str:
    """The type of what is no message, and its keys as far as they are words."""
    if not isinstance(item, Mapping):
        return f"a {type(item).__name__}"
    words = [key for key in item if isinstance(key, str) and WORD.fullmatch(key)]
    keys = ", ".join(repr(key) for key in words[:MOST_KEYS])
    return f"a {type(item).__name__} with {len(item)} keys ({keys})"


Role = Literal["system", "user", "assistant"]


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
            object.__setattr__(self, "content", _plain_text(self.content))
        _require_utf8(self.content)


def _plain_text(content: Any) -> str:
    if not isinstance(content, str):
        raise InvalidRequest(f"a message's content must be text, not {type(content).__name__}")
    return str.__str__(content)


def _require_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"the text is not valid UTF-8 (character {error.start} is half of a pair or a raw "
            "byte); decode it with errors='replace' first"
        ) from None
