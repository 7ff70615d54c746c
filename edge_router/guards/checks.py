"""Checks of one value: each converts a stated value into the one to use, or raises ConfigError.

A check gets the value and the words that a message about it begins with ("key = value in place").
`settle` runs the checks of a frozen value's fields when the value is made, so that no unchecked
value is ever compared: a text becomes the enum's member or the number that it states.
"""

from __future__ import annotations

import difflib
import math
import operator
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from enum import StrEnum
from typing import Any, Never, TypeVar

from edge_router.errors import ConfigError

from .redaction import quoted, quoted_setting

__all__ = [
    "MOST",
    "Check",
    "FrozenDict",
    "amount",
    "any_text",
    "checked",
    "each",
    "flag",
    "instance",
    "mapping",
    "member",
    "members",
    "number",
    "one_of",
    "optional",
    "path",
    "refuse_unknown",
    "settle",
    "table",
    "table_of_texts",
    "text",
    "texts",
    "unset_allowed",
    "whole",
    "whole_number",
]


Check = Callable[[Any, str], Any]

MOST = 1e12  # dollars, seconds and factors of them: products of these are finite numbers too
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
MOST_LISTED = 400  # characters of the words that a value may be, in an error


def settle(value: object, checks: Mapping[str, Check], place: str) -> None:
    """Put each field of a frozen `value` through its check. Raises ConfigError naming the field,
    what was stated and what would be right."""
    for name, check in checks.items():
        stated = getattr(value, name)
        settled = _settled(check, name, stated, place)
        if settled is not stated:
            object.__setattr__(value, name, settled)


def _settled(check: Check, name: str, stated: Any, place: str) -> Any:
    with suppress(ConfigError):
        return check(stated, name)
    return check(
        stated, f"{name} = {quoted_setting(name, stated)} in {place}"
    )  # composing the words takes longer


def text(value: Any, fault: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{fault} must be a text")
    return str.__str__(value)


def any_text(value: Any, fault: str) -> str:
    """A text, which may be empty."""
    if not isinstance(value, str):
        raise ConfigError(f"{fault} must be a text")
    return str.__str__(value)


def path(value: Any, fault: str) -> str:
    """A text or a path that names a file."""
    name = os.fspath(value) if isinstance(value, os.PathLike) else value
    named = text(name, fault)
    if "\0" in named:
        raise ConfigError(f"{fault} holds a zero character, which no path may")
    return named


def table(value: Any, fault: str) -> Mapping[str, Any]:
    """A table with texts as keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{fault} must be a table")
    return value if type(value) is FrozenDict else FrozenDict(value)


def table_of_texts(value: Any, fault: str) -> Mapping[str, str]:
    """A table whose values are texts, none of them empty."""
    mapped = table(value, fault)
    if not all(isinstance(one, str) and one for one in mapped.values()):
        raise ConfigError(f"{fault} must map texts to texts")
    return mapped


def mapping(check: Check) -> Check:
    """A table with texts as keys whose values pass `check`."""

    def each(value: Any, fault: str) -> Mapping[str, Any]:
        stated = table(value, fault)
        values = {key: check(one, f"{fault}: {quoted(key)}") for key, one in stated.items()}
        changed = any(values[key] is not one for key, one in stated.items())
        return table(values, fault) if changed else stated

    return each


def texts(value: Any, fault: str) -> tuple[str, ...]:
    """Some texts."""
    if isinstance(value, (str, bytes)) or not isinstance(value, (tuple, list)):
        raise ConfigError(f"{fault} must be a list of texts")
    return tuple(any_text(one, f"{fault}: {quoted(one)}") for one in value)


def each(check: Check) -> Check:
    """Some values that pass `check`."""

    def all_of(value: Any, fault: str) -> tuple[Any, ...]:
        if not isinstance(value, (tuple, list)):
            raise ConfigError(f"{fault} must be a list")
        settled = tuple(check(one, f"{fault}: {quoted(one)}") for one in value)
        if isinstance(value, tuple) and all(map(operator.is_, settled, value)):
            return value
        return settled

    return all_of


def number(low: float, high: float = math.inf) -> Check:
    """A finite number from `low` to `high`, or a text that is one."""

    def check(value: Any, fault: str) -> float:
        if type(value) is float and low <= value <= high and math.isfinite(value):
            return value
        as_float = _as_float(value)
        if not low <= as_float <= high or math.isinf(as_float):
            raise ConfigError(f"{fault} must be a number from {low:g} to {high:g}{_hint(value)}")
        return as_float

    return check


amount = number(0.0, MOST)


def _as_float(value: Any) -> float:
    """NaN for anything but a number or a text of one: a bool is none, nor is an array."""
    kind = type(value)
    is_number = hasattr(kind, "__float__") and not hasattr(kind, "__len__")
    if not (is_number or isinstance(value, str)) or kind.__name__ in ("bool", "bool_"):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, ArithmeticError):  # a text, or a number beyond all floats
        return math.nan


def _hint(value: Any) -> str:
    """Help for "0,01" and "5 %"."""
    written = isinstance(value, str) and any(letter.isdigit() for letter in value)
    return ", written like 0.01" if written and math.isnan(_as_float(value)) else ""


def whole(low: int, high: int = 2**31) -> Check:
    """A whole number from `low` to `high`, or a text that is one."""
    in_range = number(low, high)

    def check(value: Any, fault: str) -> int:
        if type(value) is int and low <= value <= high:
            return value
        as_float: float = in_range(value, fault)
        if as_float != int(as_float):
            raise ConfigError(f"{fault} must be a whole number")
        return int(as_float)

    return check


whole_number = whole(1)


def one_of(*allowed: str, convert: Callable[[Any], Any] = str.__str__) -> Check:
    """One of the `allowed` texts, as `convert` makes it."""

    def check(value: Any, fault: str) -> Any:
        if not isinstance(value, str) or value not in allowed:
            written = str.__str__(value) if isinstance(value, str) else ""
            meant = written.strip().lower().replace("-", "_").replace(" ", "_")
            hint = f"; did you mean {meant!r}?" if meant in allowed else ""
            raise ConfigError(f"{fault} must be one of {_listed(allowed)}{hint}")
        return convert(value)

    return check


def _listed(words: Sequence[str]) -> str:
    """The words, as many as an error may show."""
    text = ", ".join(map(str, words))
    return text if len(text) <= MOST_LISTED else f"{text[:MOST_LISTED].rpartition(', ')[0]}, ..."


def member(kind: type[StrEnum]) -> Check:
    """A member of an enum, or a text that is the value of one."""
    return one_of(*kind, convert=kind)


def members(kind: type[StrEnum]) -> Check:
    """A set of members of an enum, or some texts that are values of them."""

    def check(value: Any, fault: str) -> frozenset[Any]:
        if type(value) is frozenset and all(type(one) is kind for one in value):
            return value
        if isinstance(value, (str, bytes)) or not isinstance(value, (set, frozenset, tuple, list)):
            raise ConfigError(f"{fault} must be some of {', '.join(kind)}")
        return frozenset(member(kind)(one, f"{fault}: {quoted(one)}") for one in value)

    return check


def flag(value: Any, fault: str) -> bool:
    """True or false, or a text or number that says so."""
    if type(value) is bool:
        return value
    word = str.__str__(value).strip().lower() if isinstance(value, str) else ""
    if word in TRUE or word in FALSE:
        return word in TRUE
    is_number = isinstance(value, int) and value in (0, 1)
    if is_number or type(value).__name__ in ("bool", "bool_"):  # numpy's
        return bool(value)
    words = ", ".join(("True", "False", *TRUE, *FALSE))
    raise ConfigError(f"{fault} must be one of {words}")


def instance(*kinds: type) -> Check:
    """A value of one of these types."""

    def check(value: Any, fault: str) -> Any:
        if not isinstance(value, kinds):
            raise ConfigError(f"{fault} must be {' or '.join(_article(kind) for kind in kinds)}")
        return value

    return check


def _article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def optional(check: Check) -> Check:
    """None, or what passes `check`."""

    def unset_or(value: Any, fault: str) -> Any:
        return None if value is None else check(value, fault)

    return unset_or


def unset_allowed(kind: type, checks: Mapping[str, Check]) -> dict[str, Check]:
    """The checks of a file's settings for a dataclass of them, where None means unset in the fields
    whose default it is."""
    unset = {one.name for one in fields(kind) if one.default is None}
    return {key: optional(check) if key in unset else check for key, check in checks.items()}


def checked(stated: Mapping[str, Any], checks: Mapping[str, Check], where: str) -> dict[str, Any]:
    """The values stated `where`, each as its check converts it; unknown keys are errors."""
    refuse_unknown(stated, checks.keys(), where)
    return {key: _settled(checks[key], key, value, where) for key, value in stated.items()}


def refuse_unknown(stated: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise ConfigError for a key that is not `known`, with the key that was probably meant."""
    for key in stated:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"unknown key {key!r} in {where}; {hint}")


K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that refuses every change with a TypeError; `dict(frozen)` is one to change."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> Never:
        raise TypeError("these values are frozen; make a changed copy with dict(...)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
