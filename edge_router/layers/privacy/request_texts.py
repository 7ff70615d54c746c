"""Every text of a request that an expert would read, visited or changed in place.

That is the whole conversation with its parts, calls of tools and their results, the tools, the form
of the answer, and what goes to the server beside it. Text in JSON is read as a model reads it, and
text of an attached file is read too.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

from edge_router.chat.message import Message, Part, ToolCall
from edge_router.chat.request import ChatRequest
from edge_router.chat.tools import ResponseFormat, Tool

__all__ = ["Visit", "is_opaque", "text_of_media", "visited"]

Visit = Callable[[str, bool], str]
"""Gets a text, and whether it is an identifier of the protocol; gives what stands in its place."""

MOST_DEPTH = 64  # of JSON in a text, beyond which it is read as it is
_DATA = re.compile(r"data:([\w.+\-]+/[\w.+\-]+)?((?:;[\w\-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)
_TEXTUAL = re.compile(r"(?i)text/|application/(?:json|xml|yaml|toml|javascript|x-sh)|image/svg")


def visited(request: ChatRequest, visit: Visit) -> ChatRequest:
    """The request with what `visit` gives for each text; itself where nothing changes."""
    messages = tuple(_message(one, visit) for one in request.messages)
    changes: dict[str, Any] = {"messages": messages} if messages != request.messages else {}
    for name in ("stop", "tools", "response_format", "user", "metadata", "extra"):
        value = getattr(request, name)
        if value and (changed := _setting(value, visit)) != value:
            changes[name] = changed
    return replace(request, **changes) if changes else request


def _message(message: Message, visit: Visit) -> Message:
    content = message.content
    if isinstance(content, str):
        content = _text(content, visit)
    elif content is not None:
        content = tuple(_part(part, visit) for part in content)
    calls = tuple(_call(call, visit) for call in message.tool_calls)
    optional: dict[str, Any] = {
        name: visit(value, name == "tool_call_id")
        for name in ("tool_call_id", "name", "refusal", "reasoning_content")
        if (value := getattr(message, name)) is not None
    }
    unchanged = all(getattr(message, name) == value for name, value in optional.items())
    if content == message.content and calls == message.tool_calls and unchanged:
        return message
    return replace(message, content=content, tool_calls=calls, **optional)


def _text(text: str, visit: Visit) -> str:
    """A text; one that is JSON is read as such where that shows more of it."""
    if "\\" in text and text.lstrip()[:1] in ("{", "["):
        return arguments(text, visit)
    return visit(text, False)


def _part(part: Part, visit: Visit) -> Part:
    """A text is changed; of media only what is text is visited, and stays as it is."""
    if isinstance(part.value, str):
        text = _text(part.value, visit)
        return part if text == part.value else Part("text", text)
    inner = text_of_media(part)
    if inner is not None:
        visit(inner, False)
    stated = {name: one for name, one in part.value.items() if not _holds_content(name, one)}
    changed = {name: visit(one, name == "file_id") for name, one in stated.items()}
    return part if changed == stated else Part(part.type, {**part.value, **changed})


def _holds_content(name: str, value: str) -> bool:
    return name in ("data", "file_data") or value[:5].lower() == "data:"


def _call(call: ToolCall, visit: Visit) -> ToolCall:
    changed = (visit(call.id, True), visit(call.name, True), arguments(call.arguments, visit))
    return call if changed == (call.id, call.name, call.arguments) else ToolCall(*changed)


def arguments(written: str, visit: Visit) -> str:
    """JSON as a model wrote it: its texts as JSON reads them, or as they are if it is none."""
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return visit(written, False)
    changed = _json(value, visit, MOST_DEPTH)
    if changed == value:
        return visit(written, False)  # a number, or two texts side by side
    return visit(json.dumps(changed, ensure_ascii=False), False)


def _json(value: Any, visit: Visit, depth: int) -> Any:
    if isinstance(value, str):
        return visit(value, False)
    if depth and isinstance(value, Mapping):
        return {_key(name, visit): _json(one, visit, depth - 1) for name, one in value.items()}
    if depth and isinstance(value, (list, tuple)):
        changed = (_json(one, visit, depth - 1) for one in value)
        return type(value)(changed)
    if value is None or isinstance(value, bool):
        return value
    written = json.dumps(value, ensure_ascii=False)
    shown = visit(written, False)
    return value if shown == written else shown


def _key(name: Any, visit: Visit) -> Any:
    return visit(name, False) if isinstance(name, str) else name


def _setting(value: Any, visit: Visit) -> Any:
    match value:
        case str():
            return visit(value, False)
        case ResponseFormat():
            return _with_schema(value, "schema", visit)
        case Mapping():
            return _json(value, visit, MOST_DEPTH)
    return tuple(
        visit(one, False) if isinstance(one, str) else _with_schema(one, "parameters", visit)
        for one in value
    )


def _with_schema(value: Tool | ResponseFormat, schema: str, visit: Visit) -> Any:
    visit(value.name, True)
    changes: dict[str, Any] = {"description": visit(value.description, False)}
    if getattr(value, schema) is not None:
        changes[schema] = _json(getattr(value, schema), visit, MOST_DEPTH)
    return replace(value, **changes)


def text_of_media(part: Part) -> str | None:
    """The text of an attached file, None for an image, a sound, and a file that is no text."""
    if isinstance(part.value, str):
        return part.value
    data = part.value.get("file_data") or part.value.get("url") or ""
    head = _DATA.match(data)
    if head is None:
        return _decoded(data) if part.type == "file" and data else None
    content = data[head.end() :]
    if head[3]:
        return _decoded(content) if _TEXTUAL.match(head[1] or "text/plain") else None
    return unquote_to_bytes(content).decode(errors="replace")


def _decoded(content: str) -> str | None:
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def is_opaque(request: ChatRequest) -> bool:
    """Whether the request holds an image, a sound or a file that is not searched: one that is no
    text, or is to be fetched."""
    return any(text_of_media(part) is None for m in request.messages for part in m.media)
