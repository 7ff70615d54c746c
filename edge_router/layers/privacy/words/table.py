"""A table of words by language as one pattern, as the words stand in a readable text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..readable import readable, words_as_read

__all__ = ["any_of", "listed", "stems"]

UNSPACED = "\u0590"  # from here on scripts put no blank between words, or glue small ones to them
_BLANKS = re.compile(r"(?<!\\)\s+")
_GROUP = re.compile(r"\((?:\?[-i]*:)?[^()]*\)\??")
_OPTIONAL = re.compile(r"\\.(?:\{[0-9,]+\})?|\[[^\]]*\]|[^\s\\]\?")  # what need not be there


def listed(words: str) -> list[str]:
    """The patterns of a list with blanks between; a blank within one has a backslash before it."""
    return _BLANKS.split(words.strip())


def any_of(table: Mapping[str, str], *, before: str, behind: str = "") -> str:
    """A pattern of all words of a table, each with `before` and `behind` around it, but for those
    of a script without blanks, which stand wherever they do."""
    spaced, unspaced = list[str](), list[str]()
    for words in table.values():
        for word in listed(words):
            (unspaced if word.lstrip("(?:") >= UNSPACED else spaced).append(words_as_read(word))
    return rf"(?:{'|'.join([rf'{before}(?:{_either(spaced)}){behind}', *unspaced])})"


def _either(patterns: list[str]) -> str:
    return "|".join(patterns)


def stems(table: Mapping[str, str]) -> tuple[str, ...]:
    """Parts of the words, such that a readable text in small letters with none of them has none of
    the words."""
    words = (word for listing in table.values() for word in listed(listing))
    return tuple(dict.fromkeys(stem for word in words for stem in _stems(word.lower())))


def _stems(word: str) -> Iterator[str]:
    """The longest run of letters that are read as they are written: outside of brackets, or of each
    word within."""
    outside, before = word, ""
    while outside != before:
        outside, before = _GROUP.sub(" ", outside), outside
    inside = re.sub(r"\(\?[-i]*:|\)\??|\|", " ", word)
    for part in [outside] if _runs(outside) else inside.split():
        runs = _runs(part)
        forms = (part, part.upper(), part.title())  # of a word that is read as Latin letters
        yield from [max(runs, key=len)] if runs else (readable(one).text.lower() for one in forms)


def _runs(pattern: str) -> list[str]:
    plain = _OPTIONAL.sub(" ", pattern)
    return re.findall(r"[^\W\d_]+", "".join(map(_as_read, plain)))


def _as_read(letter: str) -> str:
    return letter if words_as_read(letter) == letter else " "
