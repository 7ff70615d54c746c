"""What servers write in other shapes than plain text: parts, thoughts, refusals, finish reasons of
their own, errors with status 200. A plain reply is read by `reply` alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from edge_router.chat.conversation import FinishReason

from .events import Malformed, joined, json_object

__all__ = [
    "THOUGHTS",
    "Ending",
    "ErrorReported",
    "ToolCalled",
    "Unfinished",
    "ending",
    "error_of",
    "is_error",
    "oddity_of",
    "reason_text",
    "thinks",
    "thoughts",
    "words",
]

Ending = FinishReason | Literal["", "tools", "failed"]
"""A finish reason, or "" for none yet, "tools" for a tool call, "failed" for a broken answer."""

THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_TEXT_KINDS = (None, "", "text", "output_text", "refusal")
_NOT_SHOWN = re.compile("think|thought|reason|summar|tool|function", re.IGNORECASE)
_UNFINISHED = ("", "null", "none")
_TOOLS = ("tool_calls", "function_call", "tool_use")
# The first pattern that matches decides: "content_filter_error" is a filter, "rate_limit" none.
_WORDS: tuple[tuple[re.Pattern[str], Ending], ...] = (
    (
        re.compile(
            "filter|safety|refus|recitation|prohibit|block|sensitive|guardrail|moderat|censor"
            "|policy|hate|violen|sexual|spii"
        ),
        "content_filter",
    ),
    (
        re.compile(
            "error|abort|cancel|network|insufficient|timeout|timed_out|time_out|fail|overload"
            "|unavailable|rate_limit|quota|disconnect|interrupt"
        ),
        "failed",
    ),
    (re.compile("length|limit|max_?(output_|new_)?tokens|context|incomplete|truncat"), "length"),
)


class ErrorReported(Exception):
    """The reply is an error object, although its status was 2xx."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


class ToolCalled(Exception):
    """The model calls a tool, although the request has none."""


class Unfinished(Exception):
    """The reply ended before the answer did."""


def words(content: object, name: str) -> str:
    """The text that `content` holds: a text, or parts of which only those with text are shown.

    Absent or null is empty, as in a tool call. Raises Malformed for anything else.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _part(content, name)
    if isinstance(content, list):
        return "".join(_part(part, name) for part in content)
    raise Malformed(f"{name} is not text but {type(content).__name__}")


def thinks(delta: Mapping[str, Any]) -> bool:
    """Whether the delta holds reasoning, which is not shown but shows that the model works."""
    if any(delta.get(name) for name in THOUGHTS):
        return True
    content = delta.get("content")
    parts = content if isinstance(content, list) else [content]
    return any(isinstance(part, dict) and not _is_text(part) for part in parts)


def thoughts(delta: Mapping[str, Any]) -> str:
    """The reasoning in a delta, under any of the names that servers give it."""
    for name in THOUGHTS:
        if text := _thought(delta.get(name)):
            return joined(text)
    content = delta.get("content")
    parts = content if isinstance(content, list) else [content]
    hidden = [part for part in parts if isinstance(part, dict) and not _is_text(part)]
    return joined("".join(map(_thought, hidden)))


def _thought(stated: object, depth: int = 4) -> str:
    """The text in a thought: itself, that of its fields, or of its parts."""
    if isinstance(stated, str) or depth == 0:
        return stated if isinstance(stated, str) else ""
    if isinstance(stated, list):
        return "".join(_thought(part, depth - 1) for part in stated)
    if isinstance(stated, dict):
        fields = ("thinking", "text", "summary", "content", "reasoning")
        return next((text for one in fields if (text := _thought(stated.get(one), depth - 1))), "")
    return ""


def _is_text(part: Mapping[str, Any]) -> bool:
    """Whether a part is to be shown: of a known kind, or of another that carries text."""
    kind = part.get("type")
    if kind in _TEXT_KINDS:
        return True
    return isinstance(part.get("text"), str) and not _NOT_SHOWN.search(str(kind))


def _part(part: object, name: str) -> str:
    if part is None or isinstance(part, str):
        return part or ""
    if not isinstance(part, dict):
        raise Malformed(f"a part of {name} is not an object but {type(part).__name__}")
    if not _is_text(part):
        return ""  # thinking, a picture: not to be shown here
    text = part.get("refusal") if part.get("type") == "refusal" else part.get("text", 0)
    if text == 0 and isinstance(part.get("content"), str):
        text = part["content"]
    if isinstance(text, dict):
        text = text.get("value")
    if text is not None and not isinstance(text, str):
        raise Malformed(f"a text part of {name} holds no text")
    return text or ""


def reason_text(reason: object) -> str:
    """The word in a finish reason: itself, the type of an object, the first of a list."""
    if isinstance(reason, list) and reason:
        reason = reason[0]
    if isinstance(reason, dict):
        reason = reason.get("type") or reason.get("reason")
    return reason.strip().lower()[:100] if isinstance(reason, str) else ""


def ending(reason: str) -> Ending:
    """The meaning of `reason` as `reason_text` gives it; an unknown one means "stop"."""
    if reason in _UNFINISHED:
        return ""
    if reason in _TOOLS:
        return "tools"
    word = re.sub("[^a-z]+", "_", reason.rpartition(".")[2])
    return next((meaning for pattern, meaning in _WORDS if pattern.search(word)), "stop")


def is_error(reply: Mapping[str, Any]) -> bool:
    """Whether a reply is an error, or holds one."""
    return _reports(reply.get("error")) or _is_bare_error(reply)


def _reports(error: object) -> bool:
    """Whether an error is one: some servers send {"code": 0, "message": ""} with every chunk."""
    if isinstance(error, dict) and error.get("code") in (0, "0", 200, "200"):
        words_in = (str(value or "").lower() for name, value in error.items() if name != "code")
        return any(word not in ("", "ok", "success") for word in words_in)
    return bool(error)


def _is_bare_error(reply: Mapping[str, Any]) -> bool:
    """Whether this is an error without its envelope."""
    if reply.get("choices"):
        return False
    kind, code = reply.get("type"), reply.get("code", reply.get("status"))
    if reply.get("object") == "error" or (isinstance(kind, str) and "error" in kind.lower()):
        return True
    failed = isinstance(code, str | int) and re.fullmatch("[45][0-9]{2}", str(code)) is not None
    return bool(reply.get("detail")) or (failed and bool(reply.get("message")))


def _is_without_choices(reply: Mapping[str, Any]) -> bool:
    """Whether an event without choices is of a known kind."""
    return bool(reply) and ("usage" in reply or "type" in reply or "object" in reply)


def error_of(data: str) -> object:
    """The error in an event of the kind "error": an object, or text."""
    try:
        reply = json_object(data)
    except Malformed:
        return data
    return reply.get("error") or reply


def oddity_of(reply: Mapping[str, Any]) -> str:
    """What is odd about an event without a choice, "" for one that needs none. Raises Malformed
    where there is something else instead of a choice."""
    choices = reply.get("choices")
    if not choices:
        # A "ping" has no choices. More than that is an oddity.
        if "choices" not in reply and not _is_without_choices(reply):
            message = reply.get("message")
            quote = f" ({message})" if isinstance(message, str) else ""
            return f"the reply has no choices{quote}"
        if choices is not None and not isinstance(choices, list):
            return "the reply has no choices"
        return ""
    if not isinstance(choices, list):
        raise Malformed("the reply has no choices")
    if choices[0] is None:
        return "the first choice is not an object"
    raise Malformed("the first choice is not an object")
