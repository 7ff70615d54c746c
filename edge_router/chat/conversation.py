"""Read what clients state of a conversation: roles, texts, parts, tool calls; refuse by name.

No message about a conversation holds any of its text: only types, keys and lengths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from edge_router.errors import InvalidRequest
from edge_router.guards.redaction import quoted

__all__ = [
    "BYTES",
    "KNOWN",
    "FinishReason",
    "Media",
    "PartType",
    "Role",
    "called",
    "part_of",
    "plain_text",
    "role_of",
    "series_of",
    "turn_of",
]

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Media = Literal["image_url", "input_audio", "file"]
PartType = Literal["text", "image_url", "input_audio", "file"]

BYTES = (bytes, bytearray, memoryview)
ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",  # OpenAI's newer name of it
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
KNOWN = ("system", "user", "assistant", "tool")
TEXT_PARTS = ("text", "input_text", "output_text")
MEDIA: Mapping[str, tuple[str, ...]] = {  # what an object of each kind must hold one of
    "image_url": ("url",),
    "input_audio": ("data",),
    "file": ("file_data", "file_id"),
}
KINDS = ("text", *MEDIA)
URLS = ("data:", "https://", "http://")
MOST_KEYS = 8
WORD = re.compile(r"[A-Za-z_]{1,24}")


def series_of(stated: Any, what: str = "messages") -> Iterable[Any]:
    """A series of messages, not yet read. Raises InvalidRequest for anything else."""
    if isinstance(stated, (str, *BYTES, Mapping)):
        raise InvalidRequest(
            f"{what} must be a list of {what}, not a {type(stated).__name__}"
            + ("; ChatRequest.of(...) takes a text" if what == "messages" else "")
        )
    if not isinstance(stated, Iterable):
        raise InvalidRequest(f"{what} must be a list of {what}, not {type(stated).__name__}")
    return stated


def turn_of(item: Any) -> dict[str, Any]:
    """The fields of a Message that one of OpenAI's dicts states. Raises InvalidRequest.

    Keys that are not OpenAI's, such as a client's own id or time, are left out.
    """
    if not isinstance(item, Mapping) or "role" not in item:
        raise InvalidRequest(f"a message needs 'role' and 'content', got {_shape_of(item)}")
    if _is_there(item.get("function_call")):
        raise InvalidRequest("function_call is the old form of a call of a tool; use tool_calls")
    fields = {name: item[name] for name in CARRIED if _is_there(item.get(name))}
    if "content" not in item and not fields.keys() & {"tool_calls", "refusal"}:
        raise InvalidRequest(f"a message needs 'role' and 'content', got {_shape_of(item)}")
    return {"role": role_of(item["role"]), "content": item.get("content")} | fields


CARRIED = ("tool_calls", "tool_call_id", "name", "refusal", "reasoning_content")


def _is_there(stated: Any) -> bool:
    """Whether a key states anything: clients write the key in any case."""
    if isinstance(stated, (list, tuple, str, Mapping)):
        return len(stated) > 0
    return stated is not None


def role_of(role: Any) -> Role:
    """The role of that name. Raises InvalidRequest, which quotes names of roles only."""
    if isinstance(role, str):
        if role in ROLES:
            return ROLES[role]
        if role == "function":
            raise InvalidRequest("role 'function' is the old name of 'tool'; use that one")
        lower = role.casefold()
        hint = f" (did you mean {lower!r}?)" if lower in ROLES else ""
        shown = repr(str.__str__(role)) if hint or not role else f"of {len(role)} characters"
    else:
        hint = ""
        shown = quoted(role) if role is None or type(role) in (bool, int) else type(role).__name__
    raise InvalidRequest(f"role {shown} is unknown; use one of {KNOWN}{hint}")


def part_of(part: Any) -> tuple[str, Any]:
    """The type of a part ("text", "refusal" or one of MEDIA) and what it holds: a text, or an
    object in JSON. Raises InvalidRequest."""
    if isinstance(part, str):
        return "text", part
    if not isinstance(part, Mapping):
        raise InvalidRequest(f"a part of a message must be a dict, not {type(part).__name__}")
    kind = part.get("type")
    if isinstance(kind, str) and kind in MEDIA:
        return str.__str__(kind), _media(kind, part.get(kind))
    if not isinstance(kind, str) or kind not in (*TEXT_PARTS, "refusal"):
        is_word = isinstance(kind, str) and WORD.fullmatch(kind)
        named = f"of type {str(kind)!r}" if is_word else "without a type"
        raise InvalidRequest(f"a message has a part {named}; use one of {', '.join(KINDS)}")
    text = part.get("refusal" if kind == "refusal" else "text")
    if not isinstance(text, str):
        raise InvalidRequest(f"the text of a part must be text, not {type(text).__name__}")
    return ("refusal" if kind == "refusal" else "text"), str.__str__(text)


def _media(kind: str, stated: Any) -> dict[str, Any]:
    """What an image, a sound or a file holds: texts by name."""
    if kind == "image_url" and isinstance(stated, str):  # many clients write it so
        stated = {"url": stated}
    if not isinstance(stated, Mapping):
        raise InvalidRequest(f"a part of type {kind!r} needs {kind!r}, an object of texts")
    needed = MEDIA[kind]
    stated = {name: value for name, value in stated.items() if value is not None}
    for name, value in stated.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidRequest(f"a part of type {kind!r} must map texts to texts")
    if not any(stated.get(name) for name in needed):
        raise InvalidRequest(f"a part of type {kind!r} needs {' or '.join(needed)}")
    url = stated.get("url", "data:")
    if kind == "image_url" and not url[:8].lower().startswith(URLS):
        raise InvalidRequest("the url of an image must begin with data:, https:// or http://")
    return {str.__str__(name): str.__str__(value) for name, value in stated.items()}


def called(stated: Any) -> dict[str, Any]:
    """The fields of a ToolCall that one of OpenAI's dicts states. Raises InvalidRequest."""
    function = stated.get("function") if isinstance(stated, Mapping) else None
    if not isinstance(function, Mapping):
        raise InvalidRequest(f"a call of a tool needs 'id' and 'function', got {_shape_of(stated)}")
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        try:
            arguments = json.dumps(dict(arguments), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise InvalidRequest("the arguments of a call of a tool are not JSON") from None
    arguments = "" if arguments is None else arguments
    return {"id": stated.get("id"), "name": function.get("name"), "arguments": arguments}


def _shape_of(item: Any) -> str:
    """The type of something that is no message, and its keys as far as they are words."""
    if not isinstance(item, Mapping):
        return f"a {type(item).__name__}"
    words = [key for key in item if isinstance(key, str) and WORD.fullmatch(key)]
    keys = ", ".join(repr(str.__str__(key)) for key in words[:MOST_KEYS])
    return f"a {type(item).__name__} with {len(item)} keys ({keys})"


def plain_text(content: Any, what: str = "a message's content") -> str:
    """A text of a message. Raises InvalidRequest for what is no text."""
    if not isinstance(content, str):
        raise InvalidRequest(f"{what} must be text, not {type(content).__name__}")
    return str.__str__(content)
