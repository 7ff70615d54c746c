"""Read JSON and JSON lines of unknown origin, within bounds."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_router.errors import EdgeRouterError

from .bounded_file import decoded, numbered_lines

__all__ = ["MAX_DEPTH", "BadJson", "is_unicode", "json_lines", "json_value"]

MAX_DEPTH = 64  # of lists and objects in each other


class BadJson(ValueError):
    """Text that is no acceptable JSON; the message is a predicate: "is not JSON: ..."."""


def json_lines(path: Path, refusal: type[EdgeRouterError]) -> Iterator[tuple[str, Any]]:
    """The place of each line that is not blank, for messages, and its value.

    Raises `refusal`, with the line, for a file that `numbered_lines` or `json_value` refuses.
    """
    for number, line in numbered_lines(path, refusal):
        try:
            text = decoded(line, number=number)
        except ValueError as error:
            raise refusal(f"{path} cannot be read: {error}") from None
        where = f"{path}:{number}"
        try:
            value = json_value(text)
        except BadJson as error:
            raise refusal(f"{where} {error}") from None
        yield where, value


def json_value(text: str, *, finite: bool = False) -> Any:
    """The value of a JSON text. NaN and Infinity are read, unless numbers must be `finite`.

    Raises BadJson for what is not JSON, is nested deeper than MAX_DEPTH, has a number of thousands
    of digits, or an object with the same key twice.
    """
    try:
        value = (_OF_FINITE if finite else _DECODER).decode(text)
    except _Twice:
        raise BadJson(_twice(text)) from None
    except RecursionError:
        raise BadJson("is nested too deeply") from None
    except ValueError as error:
        raise BadJson(f"is not JSON: {error}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise BadJson("is nested too deeply")
    return value


class _Twice(Exception):
    """An object has a key twice."""


class _Pairs(list[tuple[str, Any]]):
    """The pairs of an object, in the order of the text."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _Twice
    return table


def _finite(written: str) -> float:
    if not math.isfinite(number := float(written)):
        raise ValueError(f"{written:.40} is no number that JSON has")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
_OF_FINITE = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite)


def _twice(text: str) -> str:
    """Words for the key that stands twice, and the field of its object."""
    waiting: list[tuple[str, Any]] = [("", json.loads(text, object_pairs_hook=_Pairs))]
    while waiting:
        field, value = waiting.pop()
        if isinstance(value, _Pairs):
            counts = Counter(key for key, _ in value)
            if twice := [key for key, count in counts.items() if count > 1]:
                return f"has {twice[0]!r:.80} twice" + (f" in {field!r:.80}" if field else "")
            waiting += value
        elif isinstance(value, list):
            waiting += [(field, item) for item in value]
    return "has a key twice"


def _depth_exceeds(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        nested = [part for part in level if isinstance(part, dict | list)]
        if not nested:
            return False
        level = [
            item for part in nested for item in (part.values() if isinstance(part, dict) else part)
        ]
    return True


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: a lone half of a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
