"""Read the JSON files that Edge Router wrote itself, also edited or damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_router.errors import EdgeRouterError

from .bounded_file import read_text, refuse_missing
from .checks import MOST
from .json_lines import BadJson, is_unicode, json_value
from .redaction import quoted_json

__all__ = ["FAULTS", "MAX_OBJECT_BYTES", "number", "read_object", "rounded", "table", "text"]

MAX_OBJECT_BYTES = 2**24
# What reading such a file and looking into it may raise; a reader turns them into its own error.
FAULTS = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def read_object(path: Path) -> dict[str, Any]:
    """The object in a file. Raises FileNotFoundError, and ValueError that says what is wrong."""
    refuse_missing(path)
    try:
        content = read_text(path, _Unreadable, most=MAX_OBJECT_BYTES)
    except _Unreadable as error:
        raise ValueError(str(error).removeprefix(f"{path} cannot be read: ")) from None
    try:
        return table(json_value(content), "it")
    except BadJson as error:
        raise ValueError(f"it {error}") from None


class _Unreadable(EdgeRouterError):
    """Raised and caught in this file."""


def number(value: Any, name: str, low: float = -MOST, high: float = MOST) -> float:
    """A finite number in low..high. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is {quoted_json(value)}, no number in {low:g}..{high:g}")
    return float(value)


def text(value: Any, name: str) -> str:
    """A text. Raises ValueError."""
    if not isinstance(value, str) or not is_unicode(value):
        raise ValueError(f"{name} is {quoted_json(value)}, no text")
    return value


def table(value: Any, name: str) -> dict[str, Any]:
    """An object. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {quoted_json(value)}, no JSON object")
    return value


def rounded(value: Any) -> Any:
    """The same value with every float to 6 decimals, which makes files easy to compare."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
