"""Symbols of a question: operators, options, pictures, marks on letters, what no word says.

"What is 8 - 4 / 2?" and "What is 8 / 4 - 2?" have the same words and numbers, as have two questions
about two emoji, or two Hindi words that differ in a vowel sign alone.
"""

from __future__ import annotations

import re

__all__ = ["plain_signs", "symbols"]

# Each where it stands for something: "-" as a sign or between numbers, "?" within a sentence.
_SYMBOL = re.compile(
    r"\\\w"  # \d and \D
    r"|(?<!\w)--?[A-Za-z][\w-]*"  # an option
    r"|(?<=\d)\s*[-/]\s*(?=\d)"
    r"|(?<![\w)\]}])-(?=\d)"
    r"|(?<=\d)!"
    r"|(?<=\$)[?!]"
    r"|(?<!\S)[?!.:;,]+(?!\S)(?=.*\w)"  # a word of its own, but not the end of it all
    r"|[^\w\s.,:;!?'\"`\u00b4\u00a8\u2018-\u201f\u2039\u203a\u00ab\u00bb\u00a1\u00bf\u2026\u2010-\u2015"
    r"\-&/|_%$\u20ac\u00a3\u00a5\u00b0\u00a9\u00ae\u2122\u3001\u3002\u3008-\u3011\u30fb\uff01-\uff0f\uff1a\uff1b\uff1f()"
    r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe00-\ufe0f\x00-\x1f]"
)
_WITH_BRACKETS = re.compile(rf"{_SYMBOL.pattern}|[()]")  # which are prose without an operator
_OPERATOR = re.compile(r"[+*^=<>\\{}\[\]]|\d\s*[-/]\s*\d")
_DECORATION = re.compile(  # behind the end of a sentence
    "(?<=[.!?\uff01\uff1f])[\\s\u2190-\u2bff\ufe0f\u200d\U0001f300-\U0001faff]+$"
)
_SIGNS = str.maketrans(
    {
        "\u2212": "-", "\u00d7": "*", "\u22c5": "*", "\u2217": "*", "\u00f7": "/", "\u2044": "/",
        "\u2264": "<=", "\u2265": ">=", "\u2260": "!=",
        **{high: f"^{digit}" for digit, high in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{part: f" {one}" for part, one in zip("½⅓⅔¼¾⅕⅛", "1/2 1/3 2/3 1/4 3/4 1/5 1/8".split(),
                                               strict=True)},
    }
)  # fmt: skip
_SAID = tuple(  # of two numbers
    (re.compile(rf"(?i)(?<=\d)\s*(?:{word})\s*(?=\d)"), f" {sign} ")
    for word, sign in (
        ("x|times|multiplied by", "*"), ("plus", "+"), ("minus", "-"), ("divided by", "/"),
    )
)  # fmt: skip


def plain_signs(text: str) -> str:
    """A text with the signs of a keyboard: a high 2 is "^2", not a digit more of its number."""
    plain = text.translate(_SIGNS)
    for said, sign in _SAID:
        plain = said.sub(sign, plain)
    return plain


def symbols(text: str) -> tuple[str, ...]:
    """The symbols of a text with plain signs, in their order; an emoji behind all of it is none."""
    shown = _DECORATION.sub("", text)
    pattern = _WITH_BRACKETS if _OPERATOR.search(shown) else _SYMBOL
    return tuple(match.group().strip() for match in pattern.finditer(shown))
