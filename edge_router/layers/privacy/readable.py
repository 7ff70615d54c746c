"""A text as detectors read it: look-alike letters, digits of any script and escapes made plain.

Characters that no reader sees are left out, so that "4111 1111<zero width space>1111 1111" is one
number. `Readable.span` gives the place of a finding in the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

__all__ = ["Readable", "readable", "words_as_read"]

# Blocks whose characters may stand for ASCII: letters with marks to punctuation, CJK's forms,
# mathematical letters, squared ones. What NFKC makes of the rest is longer than a character.
_BLOCKS = (
    (0x80, 0x3001),
    (0xA4D0, 0xABFF),
    (0xFE30, 0xFFF0),
    (0x1D400, 0x1D800),
    (0x1F100, 0x1F1FF),
)
_LOOKALIKES = dict(
    zip(
        "АВЕКМНОРСТХЅІЈУаеорсухѕіјԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοναρ",
        "ABEKMHOPCTXSIJYaeopcyxsijdhqwABEZHIKMNOPTYXovap",
        strict=True,
    )
)
_BARE = {"ł": "l", "ø": "o", "đ": "d", "ı": "i"}  # which have no mark that can be taken off
_DASHES = "‐‑‒–—―−﹣－⁃˗"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
)
_MARKS = (  # that are put over a letter or a digit; of Hebrew and Arabic the vowels
    "\u0300-\u036f\u20d0-\u20ff\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"
)
_ESCAPES = (
    r"\\{1,8}u00[2-7][0-9a-fA-F]|\\{1,8}x[2-7][0-9a-fA-F]|%(?:25){0,3}[2-7][0-9a-fA-F]|&#[0-9]{2,3};"
    r"|&#x[2-7][0-9a-fA-F];|&nbsp;|&commat;|&period;"
    r"|\\{1,3}[\"']"
)
_NAMED = {"&nbsp;": " ", "&commat;": "@", "&period;": "."}
_ESCAPING = ("%", "\\u00", "\\x", "&#", *_NAMED, '\\"', "\\'")  # one of them is in any escape
_HIDDEN = re.compile(f"[{_INVISIBLE}{_MARKS}]+|{_ESCAPES}")
_ESCAPED = re.compile(_ESCAPES)


@dataclass(frozen=True, slots=True)
class Readable:
    """The plain `text`. `places` are where the plain and the written text part: from each pair on,
    a plain place and what is added to it for the written one."""

    text: str
    places: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the written text the plain text[start:end] is."""
        return start + self._shift(start), self._end(end - 1)

    def _shift(self, place: int) -> int:
        at = bisect_right(self.places, place) - 1
        return self.shifts[at] if at >= 0 else 0

    def _end(self, place: int) -> int:
        """Where a plain character ends in the written text: an escape is longer than one."""
        at = bisect_right(self.places, place) - 1
        if at >= 0 and self.places[at] == place and place + 1 in self.places[at + 1 : at + 2]:
            return place + 1 + self.shifts[at + 1]
        return place + 1 + self._shift(place)


def readable(written: str) -> Readable:
    """The plain text of a written one, in time proportional to its length."""
    plain = written if written.isascii() else written.translate(_table())
    if plain.isascii() and not any(one in plain for one in _ESCAPING):
        return Readable(plain)
    pieces: list[str] = []
    places: list[int] = []
    shifts: list[int] = []
    done = length = 0
    for hidden in _HIDDEN.finditer(plain):
        pieces.append(plain[done : hidden.start()])
        length += hidden.start() - done
        letter = _unescaped(hidden[0])
        if letter:
            places.append(length)
            shifts.append(hidden.start() - length)
            pieces.append(letter)
            length += 1
        places.append(length)
        shifts.append(hidden.end() - length)
        done = hidden.end()
    if not pieces:
        return Readable(plain)
    pieces.append(plain[done:])
    return Readable("".join(pieces), places, shifts)


def words_as_read(pattern: str) -> str:
    """A pattern with words of any script, as it matches them in a readable text: Cyrillic and Greek
    letters that look like Latin ones are those there, and a letter may have lost its mark. Such
    letters may not stand in a class."""
    return "".join(_letter_as_read(letter) for letter in pattern)


def _letter_as_read(letter: str) -> str:
    if letter.isascii() or not letter.isalpha():
        return letter
    bare = _BARE.get(letter) or unicodedata.normalize("NFD", letter)[0]
    if not (bare.isascii() or "\u0370" <= bare < "\u0530"):
        return letter
    looks = {_LOOKALIKES[one] for one in (bare.lower(), bare.upper()) if one in _LOOKALIKES}
    forms = {letter, bare, *looks}
    return f"[{''.join(sorted(forms))}]" if len(forms) > 1 else letter


def _unescaped(hidden: str) -> str:
    """The character that an escape stands for, "" for what is invisible."""
    if not _ESCAPED.fullmatch(hidden):
        return ""
    if hidden in _NAMED:
        return _NAMED[hidden]
    if hidden[-1] in "\"'":
        return hidden[-1]
    number = hidden.lstrip("&#x").rstrip(";") if hidden[0] == "&" else hidden[-2:]
    code = int(number, 10 if hidden.startswith("&#") and hidden[2] != "x" else 16)
    return chr(code) if 0x20 <= code < 0x7F else " "


@cache
def _table() -> dict[int, str]:
    """Characters that stand for one of ASCII, each for one, so that places stay as they are."""
    table = dict(_plain_letters())
    table |= {ord(letter): plain for letter, plain in _LOOKALIKES.items()}
    return table | {ord(dash): "-" for dash in _DASHES}


def _plain_letters() -> Iterator[tuple[int, str]]:
    for first, beyond in _BLOCKS:
        for code in range(first, beyond):
            letter = chr(code)
            digit = unicodedata.decimal(letter, None)
            plain = unicodedata.normalize("NFKC", letter) if digit is None else str(digit)
            if len(plain) == 1 and plain.isascii():
                yield code, plain
