"""Regular expressions that always end: searched in time proportional to the text.

Python's `re` backtracks, so that "(a|a)*b" takes years on thirty letters. Here the states of a
nondeterministic automaton advance side by side (Thompson 1968), and sets of states that were seen
before are looked up. What an automaton cannot do (references to groups, looking ahead or behind) is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from edge_router.errors import InvalidAgent

__all__ = ["LinearPattern"]

MAX_PATTERN = 1000  # characters
MAX_STATES = 500
MAX_TEXT = 1024  # characters that are searched: the first and the last half of a longer text
MAX_KNOWN = 20_000  # states in all sets that are remembered
KNOWN_FLAGS = re.IGNORECASE | re.UNICODE | re.VERBOSE | re.MULTILINE | re.DOTALL

_parser: Any = import_module("re._parser")  # what `re` itself parses with
Matcher = Callable[[str], bool]
Cases = Callable[[str], frozenset[str]]
States = frozenset[int]

EDGE, LINE, LAST_LINE, WORD, OTHER = "", "\n", "\n$", "w", "."  # what stands beside a place


class LinearPattern:
    """A pattern in Python's syntax, whatever the case of letters with `ignore_case`. Immutable,
    thread-safe.

    Raises InvalidAgent for a pattern that is none, is too long, or needs backtracking.
    """

    def __init__(self, pattern: str, *, ignore_case: bool = True) -> None:
        if len(pattern) > MAX_PATTERN:
            raise InvalidAgent(f"a pattern is longer than {MAX_PATTERN} characters")
        self.pattern = pattern
        try:
            parsed = _parser.parse(pattern, re.IGNORECASE if ignore_case else 0)
        except (re.error, OverflowError, RecursionError) as error:
            raise InvalidAgent(f"{pattern!r} is no regular expression: {error}") from None
        self._flags = parsed.state.flags
        if self._flags & ~KNOWN_FLAGS:
            raise InvalidAgent(f"{pattern!r} has a flag that is none of i, m, s, u and x")
        self._next: list[tuple[int, ...]] = []
        self._tests: list[Matcher | str | None] = []
        self._end = self._state(None)
        self._start = self._sequence(parsed, self._end)
        self._is_anchored = any(isinstance(test, str) for test in self._tests)
        self._known: dict[Any, States] = {}
        self._room = MAX_KNOWN

    def search(self, text: str) -> bool:
        """Whether the pattern occurs in the text."""
        if len(text) > MAX_TEXT:
            text = f"{text[: MAX_TEXT // 2]}\n{text[-MAX_TEXT // 2 :]}"
        known, active = self._known, frozenset[int]()
        for before, after, letter in self._places(text):
            place = active, before, after
            here = known.get(place)
            if here is None:
                here = self._closure({*active, self._start}, before, after)
                self._remember(place, here)
            if self._end in here:
                return True
            step = here, letter
            read = known.get(step)
            if read is None:
                read = self._after(here, letter)
                self._remember(step, read)
            active = read
        return False

    @property
    def size(self) -> int:
        """Its states: what a character costs at most."""
        return len(self._tests)

    def _remember(self, key: Any, states: States) -> None:
        self._room -= 1 + len(states)
        if self._room < 0:
            self._known.clear()
            self._room = MAX_KNOWN
        self._known[key] = states

    def _places(self, text: str) -> Iterator[tuple[str, str, str]]:
        """What stands before and after each place in a text, as far as an anchor asks, and the
        character behind it, "" at the end."""
        if not self._is_anchored:
            yield from ((EDGE, EDGE, letter) for letter in (*text, ""))
            return
        last = len(text) - 1
        before = EDGE
        for place, letter in enumerate(text):
            after = (LAST_LINE if place == last else LINE) if letter == "\n" else _kind(letter)
            yield before, after, letter
            before = after
        yield before, EDGE, ""

    def _closure(self, states: set[int], before: str, after: str) -> States:
        """What can be reached without reading a character."""
        seen, waiting = set(states), list(states)
        while waiting:
            state = waiting.pop()
            test = self._tests[state]
            if callable(test) or (isinstance(test, str) and not _holds(test, before, after)):
                continue
            for target in self._next[state]:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return frozenset(seen)

    def _after(self, states: States, letter: str) -> States:
        """What is reached by reading a character; nothing for "", the end."""
        read = set[int]()
        for state in states if letter else ():
            test = self._tests[state]
            if callable(test) and test(letter):
                read.update(self._next[state])
        return frozenset(read)

    def _state(self, test: Matcher | str | None, *targets: int) -> int:
        if len(self._next) >= MAX_STATES:
            raise InvalidAgent(f"{self.pattern!r} is too large: over {MAX_STATES} states")
        self._next.append(targets)
        self._tests.append(test)
        return len(self._next) - 1

    def _sequence(self, parts: Any, target: int) -> int:
        for operation, value in reversed(list(parts)):
            target = self._part(str(operation), value, target)
        return target

    def _part(self, operation: str, value: Any, target: int) -> int:
        """The state that reads one part of the pattern, then goes on to `target`."""
        if operation == "AT":
            by_line = str(value) in BY_LINE and self._flags & re.MULTILINE
            return self._state(f"{value}_LINE" if by_line else str(value), target)
        if operation == "BRANCH":
            return self._state(None, *(self._sequence(one, target) for one in value[1]))
        if operation == "SUBPATTERN":
            if value[1] or value[2]:
                raise self._refused("a flag inside of it")
            return self._sequence(value[3], target)
        if operation in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, part = value
            return self._repeat(least, most, part, target)
        if operation in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            if operation == "ANY" and self._flags & re.DOTALL:
                return self._state(bool, target)
            cases = _cases if self._flags & re.IGNORECASE else _alone
            return self._state(_matcher(operation, value, cases), target)
        raise self._refused(operation.lower().replace("_", " "))

    def _repeat(self, least: int, most: Any, part: Any, target: int) -> int:
        if most is _parser.MAXREPEAT:
            loop = self._state(None)
            self._next[loop] = (self._sequence(part, loop), target)
            target = loop
        else:
            end = target
            for _ in range(int(most) - least):
                target = self._state(None, self._sequence(part, target), end)
        for _ in range(least):
            before, target = target, self._sequence(part, target)
            if target == before:  # a part without anything in it, however often
                break
        return target

    def _refused(self, what: str) -> InvalidAgent:
        return InvalidAgent(f"{self.pattern!r} uses {what}, which might never end; leave it out")


BY_LINE = ("AT_BEGINNING", "AT_END")  # with the flag m
BEGINS: dict[str, tuple[str, ...]] = {
    "AT_BEGINNING": (EDGE,),
    "AT_BEGINNING_STRING": (EDGE,),
    "AT_BEGINNING_LINE": (EDGE, LINE, LAST_LINE),
}
ENDS: dict[str, tuple[str, ...]] = {
    "AT_END": (EDGE, LAST_LINE),
    "AT_END_STRING": (EDGE,),
    "AT_END_LINE": (EDGE, LINE, LAST_LINE),
}


def _holds(test: str, before: str, after: str) -> bool:
    """Whether an anchor holds between what stands before and after it."""
    if test in BEGINS:
        return before in BEGINS[test]
    if test in ENDS:
        return after in ENDS[test]
    return ((before == WORD) != (after == WORD)) == (test == "AT_BOUNDARY")


def _kind(letter: str) -> str:
    return WORD if _is_word(letter) else OTHER


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


CATEGORIES: dict[str, Matcher] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": _is_word,
}


def _matcher(operation: str, value: Any, cases: Cases) -> Matcher:
    """A test of one character."""
    if operation == "ANY":
        return lambda letter: letter != "\n"
    if operation == "IN":
        return _set(value, cases)
    wanted = cases(chr(value))
    if operation == "NOT_LITERAL":
        return lambda letter: wanted.isdisjoint(cases(letter))
    return lambda letter: not wanted.isdisjoint(cases(letter))


def _set(items: Any, cases: Cases) -> Matcher:
    negated = any(str(operation) == "NEGATE" for operation, _ in items)
    tests = [test for item in items for test in _item(*item)]
    return lambda letter: any(test(one) for one in cases(letter) for test in tests) != negated


def _item(operation: Any, value: Any) -> Iterator[Matcher]:
    kind = str(operation)
    if kind == "LITERAL":
        yield lambda letter: ord(letter) == value
    elif kind == "RANGE":
        low, high = value
        yield lambda letter: low <= ord(letter) <= high
    elif kind == "CATEGORY":
        name = str(value).removeprefix("CATEGORY_")
        test = CATEGORIES[name.removeprefix("NOT_")]
        yield (lambda letter: not test(letter)) if name.startswith("NOT_") else test


def _alone(letter: str) -> frozenset[str]:
    return frozenset(letter)


def _cases(letter: str) -> frozenset[str]:
    """A character in both cases, where each is one character."""
    both = (letter, letter.lower(), letter.upper())
    return frozenset(one for one in both if len(one) == 1)
