"""Ways of asking the same thing as one of them: "what is the height of X" for "how tall is X".

Most paraphrases keep the words that say what is asked and put another frame around them. The frames
are in `lexicon.toml`; they are rewritten before a question is read, in their order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .lexicon import FRAMES, LANGUAGES

__all__ = ["framed"]

NAMES = {
    "LANGUAGE": "|".join(sorted(LANGUAGES)),
    "TERM": "(?:the )?(?:words?|terms?|phrase|expression|abbreviation|acronym|idiom|saying) ",
    "WHAT_IS": r"what(?: is|'s|s| are|'re| was| were)",
    "SOMEBODY": "(?:i|you|we|one|someone|somebody|people|they|a person)",
    "GOOD": "(?:best|right|correct|proper|good|ideal|recommended|usual|standard|normal)",
    "EASIEST": "easiest|fastest|quickest|simplest|cheapest|safest",
    "END": r"(?=[?.!]*\s*\Z)",
}


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is looked for in a text in small letters, which is fast and mostly ends it; the same in
    any letters, from a word on; and what stands for it."""

    sought: re.Pattern[str]
    frame: re.Pattern[str]
    instead: str


def _of(pattern: str, instead: str) -> _Frame:
    whole = re.sub("[A-Z_]{3,}", lambda one: NAMES[one[0]], pattern)
    return _Frame(re.compile(whole), re.compile(rf"(?i)\b{whole}"), instead)


_ALL = tuple(_of(pattern, instead) for pattern, instead in FRAMES)


def framed(text: str) -> str:
    """A question of at most some hundred characters with its frame as all of that kind have it."""
    lower = text.lower()
    for one in _ALL:
        if one.sought.search(lower):
            text = one.frame.sub(one.instead, text, count=1)
            lower = text.lower()
    return text
