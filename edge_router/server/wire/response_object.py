"""OpenAI's response object: an answer as items, which the reply and the events both are made of."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from edge_router.chat.completion import ChatCompletion, FinishReason, ToolCall, Usage

from .body import Asked
from .outcome import Outcome

__all__ = [
    "call_item",
    "empty_response",
    "ended",
    "message_item",
    "reply",
    "text_part",
    "thought_item",
]

Status = Literal["in_progress", "completed", "incomplete", "failed"]
INCOMPLETE: Mapping[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
ECHOED = ("temperature", "top_p", "max_output_tokens", "user", "instructions")


def reply(asked: Asked, answer: ChatCompletion, outcome: Outcome) -> dict[str, Any]:
    """A whole answer as OpenAI's response."""
    of = outcome.id
    output = [thought_item(of, answer.reasoning_content)] if answer.reasoning_content else []
    if answer.text or not answer.tool_calls:
        text = answer.text.removesuffix(answer.refusal)  # what it said before it refused
        parts = [text_part(text, refuses=False)] if text or not answer.refusal else []
        parts += [text_part(answer.refusal, refuses=True)] if answer.refusal else []
        output.append(message_item(of, parts, "completed"))
    output += [call_item(call, place) for place, call in enumerate(answer.tool_calls)]
    return ended(empty_response(asked, outcome), output, answer.finish_reason, outcome)


def empty_response(asked: Asked, begun: Outcome) -> dict[str, Any]:
    """The response of an answer that has just begun."""
    body = asked.body
    echoed = {name: body.get(name) for name in ECHOED}
    reasoning = body.get("reasoning")
    text = body.get("text") or {}
    return echoed | {
        "id": f"resp_{begun.id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": begun.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None} if reasoning is None else reasoning,
        "store": False,
        "text": {"format": {"type": "text"}} | text,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "truncation": "disabled",
        "metadata": body.get("metadata") or {},
        "usage": None,
    }


def ended(
    started: Mapping[str, Any],
    output: list[dict[str, Any]],
    finish: FinishReason | None,
    outcome: Outcome,
) -> dict[str, Any]:
    """The response that `started`, at its end."""
    why = INCOMPLETE.get(finish or "stop")
    return {
        **started,
        "status": "completed" if why is None else "incomplete",
        "incomplete_details": None if why is None else {"reason": why},
        "completed_at": int(time.time()),
        "output": output,
        "usage": _usage(outcome.usage),
        **outcome.extra,
    }


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens or 0,
            "cache_write_tokens": 0,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }


def thought_item(identity: str, text: str, status: Status = "completed") -> dict[str, Any]:
    """What the model thought, as an item."""
    content = [{"type": "reasoning_text", "text": text}] if text else []
    named = {"id": f"rs_{identity}", "type": "reasoning", "summary": []}
    return named | {"content": content, "status": status}


def message_item(identity: str, content: list[dict[str, Any]], status: Status) -> dict[str, Any]:
    """The text of an answer, as an item."""
    named = {"id": f"msg_{identity}", "type": "message", "role": "assistant"}
    return named | {"status": status, "content": content}


def text_part(text: str, *, refuses: bool) -> dict[str, Any]:
    """A part of a message."""
    if refuses:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(call: ToolCall, place: int, status: Status = "completed") -> dict[str, Any]:
    """A call of a tool, as an item."""
    named = {"id": f"fc_{call.id}_{place}", "type": "function_call", "call_id": call.id}
    return named | {"name": call.name, "arguments": call.arguments, "status": status}
