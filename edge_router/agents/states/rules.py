"""States of a conversation and the rules that set them, from a TOML file or from Python."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_router.errors import ConfigError, InvalidAgent
from edge_router.guards.bounded_file import read_text
from edge_router.guards.checks import any_text, checked, refuse_unknown, text, texts

from .linear_pattern import LinearPattern

__all__ = ["GENERIC", "JOINT", "Rule", "State", "states_from_file", "states_of"]

GENERIC = "GENERIC"
"""The state in which no rule and no state prompt says anything; every agent may be called."""

JOINT = "_AND_"
MAX_RULES = 1000
MAX_KEYWORDS = 200  # of a rule
MAX_FILE_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class State:
    """An atomic state. Agents of its `prefixes` and `categories` may be called in it; of all, where
    it has neither. `prompt` describes it for the comparison by embedding."""

    name: str
    prompt: str = ""
    prefixes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip() or JOINT in self.name or self.name == GENERIC:
            raise InvalidAgent(
                f"a state is called {self.name!r}; {GENERIC!r}, an empty name and {JOINT!r} within "
                "one are reserved"
            )


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that sets `states`, several of them for a composite state.

    One of `pattern`, `keywords` and `event` is its condition: a regular expression in the text,
    words in it, or an event such as an uploaded path. Without `states` it sets GENERIC. `since`
    limits it to a conversation that is in one of these states. Raises InvalidAgent.
    """

    states: tuple[str, ...]
    pattern: str = ""
    keywords: tuple[str, ...] = ()
    event: str = ""
    since: tuple[str, ...] = ()
    _compiled: tuple[LinearPattern | re.Pattern[str], ...] = field(
        init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        if sum(map(bool, (self.pattern, self.keywords, self.event))) != 1:
            raise InvalidAgent("a rule has one of pattern, keywords and event")
        if not all(word.strip() for word in self.keywords):
            raise InvalidAgent("a keyword of a rule is empty")
        if len(self.keywords) > MAX_KEYWORDS:
            raise InvalidAgent(f"a rule has over {MAX_KEYWORDS} keywords; make two of it")
        compiled: list[LinearPattern | re.Pattern[str]] = []
        if self.pattern:
            compiled.append(LinearPattern(self.pattern))
        if self.keywords:  # without repeats: Python's own patterns search them in one pass
            compiled.append(re.compile("|".join(map(_as_word, self.keywords)), re.IGNORECASE))
        object.__setattr__(self, "_compiled", tuple(compiled))

    def applies(self, text: str, events: Sequence[str], state: Sequence[str]) -> bool:
        """Whether its condition holds, for a conversation in the atomic states `state`."""
        if self.since and not set(self.since) & set(state):
            return False
        if self.event:
            return self.event in events
        return any(pattern.search(text) for pattern in self._compiled)

    @property
    def words(self) -> str:
        """Its condition, for explanations."""
        if self.event:
            return f"event {self.event}"
        return f"pattern {self.pattern}" if self.pattern else f"keywords {', '.join(self.keywords)}"


def _as_word(keyword: str) -> str:
    """A pattern for a keyword as a whole word. Scripts that put no blanks between words need no
    boundary: an ASCII edge alone gets one."""
    special = r"\.^$*+?{}[]|()"
    escaped = "".join(f"\\{c}" if c in special else c for c in " ".join(keyword.split()))
    before = r"\b" if keyword.strip()[0].isascii() and keyword.strip()[0].isalnum() else ""
    after = r"\b" if keyword.strip()[-1].isascii() and keyword.strip()[-1].isalnum() else ""
    return f"{before}{escaped}{after}"


def states_from_file(path: Path) -> tuple[tuple[State, ...], tuple[Rule, ...]]:
    """The states and the rules of a TOML file. Raises InvalidAgent."""
    try:
        return states_of(tomllib.loads(read_text(path, InvalidAgent, most=MAX_FILE_BYTES)))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidAgent(f"{path} is not TOML: {error}") from None


def states_of(stated: Mapping[str, Any]) -> tuple[tuple[State, ...], tuple[Rule, ...]]:
    """The states and the rules of parsed tables: [states.NAME] and [[rules]]."""
    try:
        refuse_unknown(stated, ("states", "rules"), "a file of states")
        tables, listed = stated.get("states", {}), stated.get("rules", [])
        if not isinstance(tables, Mapping) or not isinstance(listed, list):
            raise InvalidAgent("states must be tables [states.NAME], rules tables [[rules]]")
        states = tuple(_state(str(name), table) for name, table in tables.items())
        rules = tuple(_rule(number, table) for number, table in enumerate(listed, 1))
    except ConfigError as error:
        raise InvalidAgent(str(error)) from None
    known = {state.name for state in states}
    for rule in rules:
        for name in (*rule.states, *rule.since):
            if name not in known:
                raise InvalidAgent(f"a rule names the state {name!r}, which is not defined")
    if len(rules) > MAX_RULES:
        raise InvalidAgent(f"there are over {MAX_RULES} rules")
    return states, rules


def _state(name: str, stated: Any) -> State:
    if not isinstance(stated, Mapping):
        raise InvalidAgent(f"state {name!r} must be a table")
    checks = {"prompt": any_text, "prefixes": texts, "categories": texts}
    return State(name, **checked(stated, checks, f"state {name!r}"))


def _rule(number: int, stated: Any) -> Rule:
    if not isinstance(stated, Mapping) or "state" not in stated:
        raise InvalidAgent(f"rule {number} must be a table with a state")
    checks = {"state": text, "regex": text, "keywords": texts, "event": text, "since": texts}
    given = checked(stated, checks, f"rule {number}")
    states = tuple(given["state"].split(JOINT))
    return Rule(
        () if states == (GENERIC,) else states,
        pattern=given.get("regex", ""),
        keywords=given.get("keywords", ()),
        event=given.get("event", ""),
        since=given.get("since", ()),
    )
