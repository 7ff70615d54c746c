"""What stands around the answer in a reply: errors, choices, names, usage. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edge_router.chat.completion import Usage

from .fields import Malformed, json_object

__all__ = [
    "error_of",
    "is_bare_error",
    "is_first",
    "is_without_choices",
    "name_or",
    "reports",
    "usage_of",
]

MAX_TOKENS = 10**9  # a larger count is a mistake
MAX_NAME = 200


def is_first(choice: object) -> bool:
    """Whether a choice has index 0, or none: only one is requested."""
    if not isinstance(choice, dict):
        return False
    index = choice.get("index")
    return type(index) is not int or index == 0


def reports(error: object) -> bool:
    """Whether an error is one: some servers send {"code": 0, "message": ""} with every chunk."""
    if isinstance(error, dict) and error.get("code") in (0, "0", 200, "200"):
        words_in = (str(value or "").lower() for name, value in error.items() if name != "code")
        return any(word not in ("", "ok", "success") for word in words_in)
    return bool(error)


def is_bare_error(reply: Mapping[str, Any]) -> bool:
    """Whether this is an error without its envelope."""
    if reply.get("choices"):
        return False
    kind, code = reply.get("type"), reply.get("code", reply.get("status"))
    if reply.get("object") == "error" or (isinstance(kind, str) and "error" in kind.lower()):
        return True
    failed = isinstance(code, str | int) and re.fullmatch("[45][0-9]{2}", str(code)) is not None
    return bool(reply.get("detail")) or (failed and bool(reply.get("message")))


def is_without_choices(reply: Mapping[str, Any]) -> bool:
    """Whether an event without choices is of a known kind."""
    return bool(reply) and ("usage" in reply or "type" in reply or "object" in reply)


def error_of(data: str) -> object:
    """The error in an event of the kind "error": an object, or text."""
    try:
        reply = json_object(data)
    except Malformed:
        return data
    return reply.get("error") or reply


def usage_of(stated: object) -> Usage | None:
    if not isinstance(stated, dict):
        return None
    read, written = stated.get("prompt_tokens"), stated.get("completion_tokens")
    if type(read) is not int or type(written) is not int:  # nor a bool, which is an int
        return None
    if not (0 <= read <= MAX_TOKENS and 0 <= written <= MAX_TOKENS):
        return None
    return Usage(read, written)


def name_or(name: object, fallback: str) -> str:
    fits = isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable()
    return str(name) if fits else fallback
