"""What the value of one setting may be: each check turns it into what the program uses.

A check gets the value and the words that a message about it begins with ("key = value in place"),
and raises ConfigError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ConfigError

__all__ = [
    "Check",
    "any_text",
    "flag",
    "number",
    "one_of",
    "table",
    "table_of_texts",
    "text",
    "whole_number",
]

Check = Callable[[Any, str], Any]

FLAGS = (True, False, "true", "false", "1", "0", "yes", "no", "on", "off")


def text(value: Any, fault: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{fault} must be a text")
    return value


def any_text(value: Any, fault: str) -> str:
    """A text, which may be empty."""
    if not isinstance(value, str):
        raise ConfigError(f"{fault} must be a text")
    return value


def table(value: Any, fault: str) -> Mapping[str, Any]:
    """A table with texts as keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{fault} must be a table")
    return dict(value)


def table_of_texts(value: Any, fault: str) -> Mapping[str, str]:
    """A table whose values are texts, none of them empty."""
    found = table(value, fault)
    if not all(isinstance(one, str) and one for one in found.values()):
        raise ConfigError(f"{fault} must map texts to texts")
    return found


def number(low: float, high: float = float("inf")) -> Check:
    """A finite number from `low` to `high`, or a text that is one."""

    def check(value: Any, fault: str) -> float:
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            found = float("nan")
        if isinstance(value, bool) or not low <= found <= high or found == float("inf"):
            written = isinstance(value, str) and any(letter.isdigit() for letter in value)
            how = ", written like 0.01" if written and math.isnan(found) else ""
            raise ConfigError(f"{fault} must be a number from {low:g} to {high:g}{how}")
        return found

    return check


def whole_number(value: Any, fault: str) -> int:
    """A whole number from 1."""
    found: float = number(1, 2**31)(value, fault)
    if found != int(found):
        raise ConfigError(f"{fault} must be a whole number")
    return int(found)


def one_of(*allowed: Any, convert: Callable[[Any], Any] = str) -> Check:
    """One of the `allowed` values, as `convert` makes it."""

    def check(value: Any, fault: str) -> Any:
        if value not in allowed:
            raise ConfigError(f"{fault} must be one of {', '.join(str(a) for a in allowed)}")
        return convert(value)

    return check


def flag(value: Any, fault: str) -> bool:
    """True or false, or a text that says so."""
    given = value.strip().lower() if isinstance(value, str) else value
    return one_of(*FLAGS)(given, fault) in ("True", "true", "1", "yes", "on")
