"""Read what clients state of a request: roles, contents, settings; refuse the rest by name.

No message about a conversation holds any of its text: only types, keys and lengths.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from edge_router.errors import ConfigError, InvalidRequest
from edge_router.guards.checks import number
from edge_router.guards.redaction import quoted

__all__ = [
    "BYTES",
    "KNOWN",
    "Role",
    "plain_text",
    "role_of",
    "schema_of",
    "series_of",
    "stops_of",
    "temperature_of",
    "turn_of",
    "whole_of",
]

Role = Literal["system", "user", "assistant"]

BYTES = (bytes, bytearray, memoryview)
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


def series_of(stated: Any) -> Iterable[Any]:
    """A series of messages, not yet read. Raises InvalidRequest for anything else."""
    if isinstance(stated, (str, *BYTES, Mapping)):
        raise InvalidRequest(
            f"messages must be a list of messages, not a {type(stated).__name__}; "
            "ChatRequest.of(...) takes a text"
        )
    if not isinstance(stated, Iterable):
        raise InvalidRequest(f"messages must be a list of messages, not {type(stated).__name__}")
    return stated


def turn_of(item: Any) -> tuple[Role, Any]:
    """Role and content of one of OpenAI's dicts. Raises InvalidRequest."""
    if not isinstance(item, Mapping) or not {"role", "content"} <= item.keys():
        raise InvalidRequest(f"a message needs 'role' and 'content', got {_shape_of(item)}")
    if any(_is_there(item.get(key)) for key in TOOL_KEYS):
        raise InvalidRequest(f"a message holds a call of a tool; {NO_TOOLS}")
    return role_of(item["role"]), _content(item["content"])


def _is_there(calls: Any) -> bool:
    """Whether there are calls: clients write the key in any case."""
    if isinstance(calls, (list, tuple, str, Mapping)):
        return len(calls) > 0
    return calls is not None


def role_of(role: Any) -> Role:
    """The role of that name. Raises InvalidRequest, which quotes names of roles only."""
    if isinstance(role, str):
        if role in ROLES:
            return ROLES[role]
        if role in TOOL_ROLES:
            raise InvalidRequest(f"role {str(role)!r} is unknown; use one of {KNOWN}: {NO_TOOLS}")
        lower = role.casefold()
        hint = f" (did you mean {lower!r}?)" if lower in ROLES else ""
        shown = repr(str.__str__(role)) if hint or not role else f"of {len(role)} characters"
    else:
        hint = ""
        shown = quoted(role) if role is None or type(role) in (bool, int) else type(role).__name__
    raise InvalidRequest(f"role {shown} is unknown; use one of {KNOWN}{hint}")


def _content(content: Any) -> Any:
    """A text as it is; parts that are all text, joined as the models' own templates do."""
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


def _shape_of(item: Any) -> str:
    """The type of something that is no message, and its keys as far as they are words."""
    if not isinstance(item, Mapping):
        return f"a {type(item).__name__}"
    words = [key for key in item if isinstance(key, str) and WORD.fullmatch(key)]
    keys = ", ".join(repr(key) for key in words[:MOST_KEYS])
    return f"a {type(item).__name__} with {len(item)} keys ({keys})"


def plain_text(content: Any) -> str:
    """The content of a message. Raises InvalidRequest for what is no text."""
    if not isinstance(content, str):
        raise InvalidRequest(f"a message's content must be text, not {type(content).__name__}")
    return str.__str__(content)


def whole_of(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in these bounds. Raises InvalidRequest, also for a bool or a text."""
    try:
        count = None if type(value).__name__ in ("bool", "bool_") else operator.index(value)
    except TypeError:
        count = None
    if count is not None and low <= count <= high:
        return count
    if count is not None and count < low == 1:
        raise InvalidRequest(f"{name} is {quoted(value)}; it must be 1 or more")
    raise InvalidRequest(
        f"{name} is {quoted(value)}; it must be a whole number from {low} to {high}"
    )


def temperature_of(value: Any) -> float:
    """0 or more. Raises InvalidRequest."""
    try:
        temperature = number(0.0)(math.nan if isinstance(value, str) else value, "")
    except ConfigError:
        raise InvalidRequest(f"temperature is {quoted(value)}; it must be 0 or more") from None
    return float(temperature)


def schema_of(schema: Any) -> str:
    """A JSON schema, an object or its JSON, as JSON. Raises InvalidRequest, which does not quote
    it."""
    try:
        stated = json.loads(schema) if isinstance(schema, str) else schema
        if not isinstance(stated, Mapping):
            raise InvalidRequest(f"json_schema is a {type(stated).__name__}; it must be an object")
        return json.dumps(stated, allow_nan=False, default=dict)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidRequest):
            raise
        raise InvalidRequest(f"json_schema is no JSON ({type(error).__name__})") from None


def stops_of(stop: Any) -> tuple[str, ...]:
    """One text or several. Raises InvalidRequest, which does not quote them."""
    if stop is None:
        return ()
    stated = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stated, Iterable) or isinstance(stated, (*BYTES, Mapping)):
        raise InvalidRequest(f"stop is a {type(stop).__name__}; it must be texts")
    texts = tuple(stated)
    for text in texts:
        if not isinstance(text, str) or not text:
            fault = "an empty text" if isinstance(text, str) else f"a {type(text).__name__}"
            raise InvalidRequest(f"stop holds {fault}; it must hold texts that are not empty")
    return tuple(str.__str__(text) for text in texts)
