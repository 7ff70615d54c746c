"""Whether a server's refusal says that the request is longer than its model's context."""

from __future__ import annotations

import re

__all__ = ["is_overflow"]

_STATUSES = (400, 413, 422, 500)  # an old llama-server says 500, a gateway 413
_CODES = re.compile(
    r"context_length_exceeded|exceed_context_size|context_window_exceeded|string_above_max_length"
)
_WORDS = re.compile(
    r"maximum context length|max(imum)? model (context )?len|context (size|length|window) exceeded"
    r"|exceed\w* (the |its )?(\w+ ){0,3}context (size|length|window|limit)"
    r"|(longer|larger|greater|more) than (the |its )?([\w']+ ){0,3}context"
    r"|(prompt|input|request) (is|was) too (long|large)\b.{0,40}(token|context|maximum)"
    r"|(prompt|input) (contains|has|tokens?|token count)\b.{0,60}\b(exceeds?|too large|maximum)"
    r"|input token count.{0,40}exceeds|too many input tokens",
    re.IGNORECASE,
)
_READ = 4000  # characters


def is_overflow(status: int, body: str) -> bool:
    """Whether a reply with this `status` and `body` refuses the length of the conversation; a
    number of requested tokens that no model writes is another fault."""
    if status not in _STATUSES:
        return False
    return bool(_CODES.search(body[:_READ]) or _WORDS.search(body[:_READ]))
