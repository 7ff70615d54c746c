"""llm's prompts as our requests: messages and their parts, tools, a schema, attachments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llm.parts import AttachmentPart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

from edge_router.chat.message import Message, Part, ToolCall
from edge_router.chat.request import ChatRequest
from edge_router.chat.tools import ResponseFormat, Tool
from edge_router.errors import InvalidRequest

from .options import sampling_of

__all__ = ["ATTACHMENT_TYPES", "request_of"]

AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3"}
PDF = "application/pdf"
ATTACHMENT_TYPES = {"image/png", "image/jpeg", "image/webp", "image/gif", PDF, *AUDIO}


def request_of(prompt: Any, *, fetches: bool = True) -> ChatRequest:
    """The request for an `llm.Prompt`, all turns before it included. Without `fetches` nothing is
    asked for over the network, so an attachment behind a URL is refused. Raises InvalidRequest."""
    fields = sampling_of(prompt.options)
    if prompt.schema:
        form = ResponseFormat("json_schema", name="output", schema=prompt.schema)
        fields["response_format"] = form
    tools = tuple(Tool(t.name, t.description or "", t.input_schema) for t in prompt.tools)
    if not fetches:
        _refuse_urls(prompt.messages)
    messages = [one for message in prompt.messages for one in _messages(message)]
    return ChatRequest(_without_repeats(messages), tools=tools, **fields)


def _without_repeats(messages: list[Message]) -> tuple[Message, ...]:
    """Without a system message that says again what the one before it said."""
    kept: list[Message] = []
    system = None
    for message in messages:
        if message.role == "system":
            if message == system:
                continue
            system = message
        kept.append(message)
    return tuple(kept)


def _messages(message: Any) -> Iterator[Message]:
    """One of llm's messages: one of ours, or one for every result of a tool."""
    if message.role == "tool":
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                yield Message("tool", part.output, tool_call_id=part.tool_call_id)
        return
    text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
    media = [_media(p.attachment) for p in message.parts if isinstance(p, AttachmentPart)]
    calls = tuple(_call(part) for part in message.parts if isinstance(part, ToolCallPart))
    thoughts = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))
    content: str | tuple[Part, ...] | None = text
    if media:
        content = (*([Part("text", text)] if text else []), *media)
    elif calls and not text:
        content = None
    if content != "":
        reasoning = thoughts or None if message.role == "assistant" else None
        yield Message(message.role, content, tool_calls=calls, reasoning_content=reasoning)


def _refuse_urls(messages: list[Any]) -> None:
    """llm asks a URL for its type, and for what is behind it."""
    parts = (part for message in messages for part in message.parts)
    if any(isinstance(part, AttachmentPart) and part.attachment.url for part in parts):
        raise InvalidRequest(
            "an attachment is behind a URL, and the limits let nothing leave the user's own "
            "machines; attach the file itself"
        )


def _call(part: Any) -> ToolCall:
    return ToolCall(part.tool_call_id or "", part.name, json.dumps(part.arguments))


def _media(attachment: Any) -> Part:
    """An attachment as OpenAI states it; an image behind a URL stays one."""
    kind = attachment.resolve_type()
    if kind in AUDIO:
        return Part("input_audio", {"data": attachment.base64_content(), "format": AUDIO[kind]})
    if kind == PDF:
        data = f"data:{kind};base64,{attachment.base64_content()}"
        return Part("file", {"file_data": data, "filename": "attachment.pdf"})
    if kind not in ATTACHMENT_TYPES:
        raise InvalidRequest(
            f"attachments are {', '.join(sorted(ATTACHMENT_TYPES))}, not {kind!s:.40}"
        )
    if attachment.url:
        return Part("image_url", {"url": attachment.url})
    return Part("image_url", {"url": f"data:{kind};base64,{attachment.base64_content()}"})
