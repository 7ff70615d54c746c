"""The word lists of `lexicon.toml`, as the guards and the alignment use them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

__all__ = [
    "CALENDAR",
    "CASED",
    "EMPTY",
    "FORMS",
    "FRAMES",
    "IRREGULAR",
    "LANGUAGES",
    "LIGHT",
    "NEGATIONS",
    "NUMBERS",
    "OPPOSITES",
    "SAME",
    "SCOPES",
    "UNITS",
]

FILE = files(__package__) / "lexicon.toml"
LISTS: Mapping[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))


def _groups(name: str) -> dict[str, str]:
    """Each word of a table to the first one of its line."""
    lines = LISTS[name].splitlines()
    return {word: line.split()[0] for line in lines for word in line.split()}


def _words(name: str) -> frozenset[str]:
    return frozenset(LISTS[name].split())


NEGATIONS, LANGUAGES = _words("negations"), _words("languages")
EMPTY, LIGHT, CASED = _words("empty"), _words("light"), _words("cased")
NUMBERS = {word: digits for word, digits in _groups("numbers").items() if word != digits}
UNITS, CALENDAR, SCOPES, FORMS = map(_groups, ("units", "calendar", "scopes", "forms"))
SAME, IRREGULAR = _groups("same"), _groups("irregular")
OPPOSITES = tuple(
    tuple(frozenset(side.split()) for side in line.split("|"))
    for line in LISTS["opposites"].splitlines()
)
FRAMES: tuple[tuple[str, str], ...] = tuple((one, instead) for one, instead in LISTS["frames"])
