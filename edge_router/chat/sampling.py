"""Check the numbers and words of a request: limits, sampling, stops. All raise InvalidRequest."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from edge_router.errors import ConfigError, InvalidRequest
from edge_router.guards.checks import number
from edge_router.guards.redaction import quoted

from .conversation import BYTES

__all__ = ["flag_of", "number_of", "stops_of", "temperature_of", "whole_of", "word_of"]


def whole_of(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in these bounds; a bool or a text is none."""
    try:
        count = None if type(value).__name__ in ("bool", "bool_") else operator.index(value)
    except TypeError:
        count = None
    if count is not None and low <= count <= high:
        return count
    if count is not None and count < low == 1:
        raise InvalidRequest(f"{name} is {quoted(value)}; it must be 1 or more")
    raise InvalidRequest(
        f"{name} is {quoted(value)}; it must be a whole number from {low} to {high}"
    )


def number_of(name: str, value: Any, low: float, high: float) -> float:
    """A number in these bounds; a bool or a text is none."""
    return _number(name, value, low, high, f"a number from {low:g} to {high:g}")


def temperature_of(value: Any) -> float:
    """0 or more."""
    return _number("temperature", value, 0.0, math.inf, "0 or more")


def _number(name: str, value: Any, low: float, high: float, meant: str) -> float:
    try:
        checked = number(low, high)(math.nan if isinstance(value, str) else value, "")
    except ConfigError:
        raise InvalidRequest(f"{name} is {quoted(value)}; it must be {meant}") from None
    return float(checked)


def flag_of(name: str, value: Any) -> bool:
    """True or false."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise InvalidRequest(f"{name} is {quoted(value)}; it must be True or False")
    return bool(value)


def word_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """One of the words `allowed`."""
    known = tuple(allowed)
    if not isinstance(value, str) or value not in known:
        raise InvalidRequest(f"{name} is {quoted(value)}; use one of {', '.join(known)}")
    return str.__str__(value)


def stops_of(stop: Any) -> tuple[str, ...]:
    """One text or several. No message quotes them."""
    if stop is None:
        return ()
    stated = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stated, Iterable) or isinstance(stated, (*BYTES, Mapping)):
        raise InvalidRequest(f"stop is a {type(stop).__name__}; it must be texts")
    texts = tuple(stated)
    for text in texts:
        if not isinstance(text, str) or not text:
            fault = "an empty text" if isinstance(text, str) else f"a {type(text).__name__}"
            raise InvalidRequest(f"stop holds {fault}; it must hold texts that are not empty")
    return tuple(str.__str__(text) for text in texts)
