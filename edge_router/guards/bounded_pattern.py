"""Regular expressions of a user, refused where Python's `re` might take too long on some text.

`re` backtracks, so that "(a+)+b" takes years on forty letters. `_steps` bounds from above in how
many ways a pattern can match from one place of a text of WINDOW characters; one with more than
MOST_STEPS is refused. References to groups and looking ahead or behind are refused too.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from edge_router.errors import ConfigError

__all__ = ["WINDOW", "bounded_pattern"]

WINDOW = 256  # characters that one match has at most
MOST_STEPS = 20_000
MAX_PATTERN = 500  # characters
MOST_DEPTH = 20

_parser: Any = import_module("re._parser")  # what `re` itself parses with
_ANYTHING = frozenset(range(129))  # ASCII, and 128 for all that is not


def bounded_pattern(pattern: str, what: str) -> re.Pattern[str]:
    """The pattern compiled; `what` names it in a message.

    Raises ConfigError for one that is none, matches nothing at all ("x*"), or may take too long.
    """
    if len(pattern) > MAX_PATTERN:
        raise ConfigError(f"{what} is longer than {MAX_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
        parts = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{what} is no regular expression: {error}") from None
    if compiled.match("") or parts.getwidth()[0] == 0:
        raise ConfigError(
            f"{what} matches an empty text; write + for *, or name what it begins with"
        )
    if _steps(list(parts), _ANYTHING, what, MOST_DEPTH) > MOST_STEPS:
        raise ConfigError(
            f"{what} may take too long on some texts: repeats overlap each other; give them "
            "limits, such as {1,20}, or separate them by a character that they do not match"
        )
    return compiled


def _steps(parts: list[Any], after: frozenset[int], what: str, depth: int) -> int:
    """How many ways these parts can match from one place, where `after` may follow them."""
    if depth == 0:
        raise ConfigError(f"{what} is nested too deeply")
    ways = 1
    for at, (operation, value) in enumerate(parts):
        following = _firsts(parts[at + 1 :], after, what, depth)
        ways = min(ways * _ways(str(operation), value, following, what, depth), 10 * MOST_STEPS)
    return ways


def _ways(operation: str, value: Any, after: frozenset[int], what: str, depth: int) -> int:
    match operation:
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN" | "AT":
            return 1
        case "SUBPATTERN" | "ATOMIC_GROUP":
            return _steps(list(_inside(operation, value)), after, what, depth - 1)
        case "BRANCH":
            return sum(_steps(list(one), after, what, depth - 1) for one in value[1])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return _repeated(value, after, what, depth)
    raise ConfigError(f"{what} uses {operation.lower().replace('_', ' ')}; leave it out")


def _repeated(value: Any, after: frozenset[int], what: str, depth: int) -> int:
    """A repeat ends in one way where what it repeats cannot be what follows; else at any length."""
    least, most, part = value
    most = min(int(most), WINDOW)
    inner = list(part)
    first = _firsts(inner, frozenset(), what, depth)
    once = _steps(inner, first | after, what, depth - 1)
    lengths = 1 if first.isdisjoint(after) else most - min(int(least), most) + 1
    ways = lengths
    for _ in range(most):
        ways *= once
        if once == 1 or ways > MOST_STEPS:
            break
    return int(ways)


def _inside(operation: str, value: Any) -> Any:
    return value if operation == "ATOMIC_GROUP" else value[3]


def _firsts(parts: list[Any], after: frozenset[int], what: str, depth: int) -> frozenset[int]:
    """The characters that these parts may begin with, and those of `after` if they may be empty."""
    result: frozenset[int] = frozenset()
    for operation, value in parts:
        letters, may_be_empty = _first(str(operation), value, what, depth)
        result |= letters
        if not may_be_empty:
            return result
    return result | after


def _first(  # noqa: PLR0911 - one for each kind of part
    operation: str, value: Any, what: str, depth: int
) -> tuple[frozenset[int], bool]:
    if depth == 0:
        raise ConfigError(f"{what} is nested too deeply")
    match operation:
        case "LITERAL":
            return _both_cases(value), False
        case "IN":
            return _letters(value), False
        case "NOT_LITERAL" | "ANY":
            return _ANYTHING, False
        case "AT":
            return frozenset(), True
        case "SUBPATTERN" | "ATOMIC_GROUP":
            inner = list(_inside(operation, value))
            empty = all(_first(str(o), v, what, depth - 1)[1] for o, v in inner)
            return _firsts(inner, frozenset(), what, depth - 1), empty
        case "BRANCH":
            branches = [_firsts(list(one), frozenset(), what, depth - 1) for one in value[1]]
            return frozenset().union(*branches), True  # as if one were empty: the safe side
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            inner = list(value[2])
            return _firsts(inner, frozenset(), what, depth - 1), int(value[0]) == 0
    raise ConfigError(f"{what} uses {operation.lower().replace('_', ' ')}; leave it out")


def _both_cases(code: int) -> frozenset[int]:
    both = chr(code).lower() + chr(code).upper()
    return frozenset(min(ord(one), 128) for one in both)


def _letters(items: Any) -> frozenset[int]:
    """The characters of a set; of a negated one and of categories whatever may be."""
    letters: set[int] = set()
    for operation, value in items:
        match str(operation):
            case "LITERAL":
                letters |= _both_cases(value)
            case "RANGE":
                both = (chr(one) for one in range(value[0], min(value[1], 127) + 1))
                letters.update(ord(case) for one in both for case in one.lower() + one.upper())
                letters |= {128} if value[1] > 127 else set()
            case "CATEGORY" if str(value) in _CATEGORIES:
                letters |= _CATEGORIES[str(value)]
            case _:
                return _ANYTHING
    return frozenset(letters)


_CATEGORIES = {
    "CATEGORY_DIGIT": {*map(ord, "0123456789"), 128},
    "CATEGORY_SPACE": {*map(ord, " \t\n\r\f\v\x1c\x1d\x1e\x1f"), 128},
    "CATEGORY_WORD": {
        *(one for one in range(128) if chr(one).isalnum() or chr(one) == "_"),
        128,
    },
}
