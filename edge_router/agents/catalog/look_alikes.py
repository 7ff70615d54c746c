"""Names that look alike, so that nobody can register an agent that passes for another one.

A small part of Unicode's confusables (Technical Standard 39): compatibility forms, invisible
characters, and the letters of Cyrillic and Greek that are drawn as Latin ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from edge_router.errors import InvalidAgent

__all__ = ["check_names", "has_hidden_characters", "looks_of"]

FOREIGN = "АВЕЅІЈКМНОРСТХҮаеоѕіјрсухһԁԛԝӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧνορτυχακι"
LATIN = "ABESIJKMHOPCTXYaeosijpcyxhdqwlABEZHIKMNOPTYXvoptuxaki"
LETTERS = str.maketrans(FOREIGN, LATIN)
HIDDEN = {"Cc", "Cf", "Zl", "Zp"}  # Unicode's controls, format characters, ends of lines
JOINERS = "\u200c\u200d"  # in names of some scripts and of emoji


def has_hidden_characters(name: str) -> bool:
    """Whether a name has characters that change how it is drawn and are not seen themselves, such
    as those that turn the direction of writing."""
    return not name.isascii() and any(
        unicodedata.category(one) in HIDDEN and one not in JOINERS for one in name
    )


def looks_of(name: str) -> str:
    """Equal for two names that look alike."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name).translate(LETTERS)
        name = "".join(one for one in name if one not in JOINERS)
    return " ".join(name.split())


def check_names(names: Iterable[str], known: Iterable[str] = ()) -> None:
    """Raise InvalidAgent where two of `names` are the same or look alike, or one looks like one of
    `known` that is another one."""
    seen: set[str] = set()
    looks = {looks_of(name): name for name in known}
    for name in names:
        alike = looks.setdefault(looks_of(name), name)
        if name in seen:
            raise InvalidAgent(f"two agents are called {name!r}; rename one")
        if alike != name:
            raise InvalidAgent(f"{alike!a} and {name!a} look alike; rename one")
        seen.add(name)
