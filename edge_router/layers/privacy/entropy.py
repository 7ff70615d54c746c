"""Whether a word looks random: its entropy, its changes of kind, how little of it is words."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

__all__ = ["entropy", "is_mixed", "is_random", "word_share"]

LEAST_RANDOM = 20  # characters from which on chance makes no random-looking word of a plain one
_WORDS = re.compile("[a-z]{4,}|[A-Z]{5,}")
_JOINTS = re.compile(r"[._\-/+=]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGEST = re.compile(r"(?i)(?:sha-?(?:1|224|256|384|512)|md5|blake\w{1,4}|crc32)[-:=]")
_PREFIX = re.compile(r"(?:[A-Za-z]{1,12}[-_.])+")


def entropy(word: str) -> float:
    """Bits a character, by the frequencies in the word itself (Shannon 1948)."""
    shares = (count / len(word) for count in Counter(word).values())
    return -sum(share * math.log2(share) for share in shares)


def word_share(word: str) -> float:
    """The share of it, 0..1, that runs of letters of one case make, as words have them."""
    return sum(map(len, _WORDS.findall(word))) / len(word)


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return ("upper" if letter.isupper() else "lower") if letter.isalpha() else "symbol"


def is_mixed(word: str, least: int) -> bool:
    """Whether it has characters of at least so many kinds: small, capital, digit, symbol."""
    return len({*map(_kind, word)}) >= least


def is_random(word: str) -> bool:
    """Whether a word of LEAST_RANDOM characters or more looks as a generator of keys makes it.

    UUIDs, digests with their name and bare hexadecimal numbers are public as often as not.
    """
    core = _JOINTS.sub("", word)
    if len(core) < LEAST_RANDOM or _UUID.fullmatch(word) or _DIGEST.match(word):
        return False
    rest = _JOINTS.sub("", _PREFIX.sub("", word))
    if not rest or not re.search("[g-zG-Z]", rest):  # a number or hexadecimal
        return False
    digits = sum(letter.isdigit() for letter in core) / len(core)
    if not 0 < digits < 0.9 or word_share(word) > 0.35:
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in pairwise(core)) / (len(core) - 1)
    return changes >= 0.3 and entropy(core) >= 0.75 * math.log2(min(len(core), 62))
