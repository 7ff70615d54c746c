"""Why an answer ended, from the many words that servers use for it."""

from __future__ import annotations

import re
from typing import Literal

from edge_router.chat.completion import FinishReason

__all__ = ["Ending", "ending", "reason_text"]

Ending = FinishReason | Literal["", "tools", "failed"]
"""A finish reason, or "" for none yet, "tools" for a tool call, "failed" for a broken answer."""

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


def reason_text(reason: object) -> str:
    """The word in a finish reason: itself, the type of an object, the first of a list."""
    if isinstance(reason, list) and reason:
        reason = reason[0]
    if isinstance(reason, dict):
        reason = reason.get("type") or reason.get("reason")
    return reason.strip().lower()[:100] if isinstance(reason, str) else ""


def ending(reason: str) -> Ending:
    """What `reason`, as `reason_text` gives it, means; an unknown one means that it stopped."""
    if reason in _UNFINISHED:
        return ""
    if reason in _TOOLS:
        return "tools"
    word = re.sub("[^a-z]+", "_", reason.rpartition(".")[2])
    return next((meaning for pattern, meaning in _WORDS if pattern.search(word)), "stop")
