"""The fields of a server's reply: headers, JSON, text in pieces, finish reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from edge_router.chat.conversation import FinishReason

__all__ = [
    "Ending",
    "ErrorReported",
    "Malformed",
    "ToolCalled",
    "Unfinished",
    "compression",
    "end_of_object",
    "ending",
    "joined",
    "json_object",
    "reason_text",
    "require_few_values",
    "require_plain",
    "require_type",
    "split_pair",
    "thinks",
    "thoughts",
    "words",
]

Ending = FinishReason | Literal["", "tools", "failed"]
"""A finish reason, or "" for none yet, "tools" for a tool call, "failed" for a broken answer."""

_MAX_DIGITS = 1000  # reading more takes Python quadratic time, and no count is that long
_MAX_VALUES = 1_000_000  # in JSON; a megabyte of brackets becomes a hundred of objects
_HALF = re.compile("[\ud800-\udfff]")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
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


class Malformed(ValueError):
    """The reply is not what the protocol allows."""


class ErrorReported(Exception):
    """The reply is an error object, although its status was 2xx."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


class ToolCalled(Exception):
    """The model calls a tool, although the request has none."""


class Unfinished(Exception):
    """The reply ended before the answer did."""


def require_type(content_type: str) -> None:
    """Refuse only what is surely no answer: servers are careless with this header."""
    kind = content_type.partition(";")[0].strip().lower()
    if "html" in kind:
        raise Malformed(f"expected an answer, got {kind}; check base_url")


def require_plain(content_encoding: str) -> None:
    """Refuse compression before anything is unpacked: a few kilobytes can become gigabytes."""
    if coding := compression(content_encoding):
        raise Malformed(f"the reply is compressed ({coding}), though the request forbids that")


def compression(content_encoding: str) -> str:
    """What a body is compressed with, "" for one that is not."""
    codings = [one.strip().lower() for one in content_encoding.split(",")]
    return ", ".join(one for one in codings if one not in ("", "identity"))


def json_object(text: str) -> dict[str, Any]:
    """The object that `text` holds. Raises Malformed."""
    require_few_values(text)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("malformed JSON") from None  # not shown: it may hold the answer
    if not isinstance(value, dict):
        raise Malformed(f"expected a JSON object, got {type(value).__name__}")
    return value


def end_of_object(text: str, at: int) -> int:
    """Where the JSON value that begins at `at` ends. Raises Malformed."""
    try:
        return _DECODER.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        raise Malformed("malformed JSON") from None


def require_few_values(text: str) -> None:
    """Refuse JSON that would take long to read; counting is cheap. Raises Malformed."""
    if len(text) > _MAX_VALUES and sum(map(text.count, ",[{")) > _MAX_VALUES:
        raise Malformed(f"the reply holds more than {_MAX_VALUES} JSON values")


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_whole_number)


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
    if any(delta.get(name) for name in _THOUGHTS):
        return True
    content = delta.get("content")
    parts = content if isinstance(content, list) else [content]
    return any(isinstance(part, dict) and not _is_text(part) for part in parts)


def thoughts(delta: Mapping[str, Any]) -> str:
    """The reasoning in a delta, under any of the names that servers give it."""
    for name in _THOUGHTS:
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


def split_pair(text: str) -> tuple[str, str]:
    """`text` with its surrogate pairs joined, and the half pair at its end, whose other half may
    begin the next text."""
    if "\ud800" <= text[-1:] <= "\udbff":
        return joined(text[:-1]), text[-1]
    return joined(text), ""


def joined(text: str) -> str:
    """`text` with surrogate pairs made characters; a half alone becomes U+FFFD."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


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
