"""Which writing a text is in: Latin, Han, Cyrillic and so on."""

from __future__ import annotations

import unicodedata
from collections import Counter

__all__ = ["LATIN", "script_of", "script_of_language"]

LATIN, HAN = "latin", "han"
LOOKED_AT = 64  # letters; more say nothing new
_NAMES = {"cjk": HAN, "hiragana": "kana", "katakana": "kana"}
_OF_LANGUAGE = {
    **dict.fromkeys(("ru", "uk", "bg", "sr", "be", "mk"), "cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "arabic"),
    **dict.fromkeys(("hi", "mr", "ne"), "devanagari"),
    "zh": HAN, "ja": "kana", "ko": "hangul", "th": "thai", "el": "greek", "he": "hebrew",
    "bn": "bengali", "ta": "tamil",
}  # fmt: skip


def script_of(text: str) -> str:
    """The script of most of the letters that are not ASCII, if they are a quarter of all letters.

    A Chinese question full of English product names is Chinese, an English one with a Greek symbol
    is not Greek. Text without letters counts as Latin. Give it what is left after a cut: it walks
    over a text that is not ASCII.
    """
    if text.isascii():
        return LATIN
    foreign = [letter for letter in text if letter > "\x7f" and letter.isalpha()]
    plain = sum(letter.isalpha() for letter in text) - len(foreign)
    if not foreign or 3 * len(foreign) < plain:
        return LATIN
    step = -(-len(foreign) // LOOKED_AT)
    found = Counter(_script(letter) for letter in foreign[::step])
    return max(found, key=lambda name: (found[name], name))


def script_of_language(language: str) -> str:
    """What a language (ISO 639-1) is usually written in; Latin for one that is not listed."""
    return _OF_LANGUAGE.get(language, LATIN)


def _script(letter: str) -> str:
    first = unicodedata.name(letter, LATIN).split(" ")[0].split("-")[0].lower()
    return _NAMES.get(first, first)
