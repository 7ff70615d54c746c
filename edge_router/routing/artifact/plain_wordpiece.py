"""BERT's WordPiece tokenizer in Python alone, for platforms without a tokenizers wheel: phones.

Gives the token ids that the tokenizers library gives; a text of 1,000 characters takes some
milliseconds. Devlin et al. 2019 (BERT), and the library's BertNormalizer and BertPreTokenizer.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

__all__ = ["Encoding", "PlainWordPiece"]

KEPT_CONTROLS = "\t\n\r"
WHITE = frozenset("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | frozenset(
    map(chr, range(0x2000, 0x200B))
)  # Unicode's White_Space
CHINESE = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
KNOWN_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True)
class Encoding:
    """The token ids of one text."""

    ids: list[int]


class PlainWordPiece:
    """Called like the library's Tokenizer, as far as the router calls it. Thread-safe.

    `vocabulary`, `model`, `cleaning` and `added` as in `WordPiece`.
    """

    def __init__(
        self,
        vocabulary: dict[str, int],
        model: Mapping[str, Any],
        cleaning: Mapping[str, Any],
        added: Sequence[Mapping[str, Any]],
    ) -> None:
        self._vocabulary = vocabulary
        self._prefix: str = model["continuing_subword_prefix"]
        self._most: int = model["max_input_chars_per_word"]
        self._unknown = [vocabulary[model["unk_token"]]]
        self._cleaned = _cleaner(cleaning)
        self._raw = _finder([one["content"] for one in added if not one["normalized"]])
        self._later = _finder(
            [self._normalized(one["content"]) for one in added if one["normalized"]]
        )
        self._added = {self._key(one): vocabulary[one["content"]] for one in added}

    def encode_batch_fast(
        self, texts: Sequence[str], *, add_special_tokens: bool = False
    ) -> list[Encoding]:
        """Never adds tokens around a text: the router does."""
        if add_special_tokens:
            raise ValueError("add_special_tokens=True; the router adds them itself")
        return [Encoding(list(self._ids(text))) for text in texts]

    def _key(self, one: Mapping[str, Any]) -> str:
        content: str = one["content"]
        return self._normalized(content) if one["normalized"] else content

    def _ids(self, text: str) -> Iterator[int]:
        for raw, is_added in _parts(self._raw, text):
            if is_added:
                yield self._added[raw]
                continue
            for part, is_later in _parts(self._later, self._normalized(raw)):
                if is_later:
                    yield self._added[part]
                else:
                    for word in _words(part):
                        yield from self._pieces(word)

    def _normalized(self, text: str) -> str:
        return "".join(map(self._cleaned, text))

    def _pieces(self, word: str) -> list[int]:
        """The pieces of a word, the longest first; only the unknown token if a part is unknown."""
        if len(word) > self._most:
            return self._unknown
        ids, start = [], 0
        while start < len(word):
            lead = self._prefix if start else ""
            for end in range(len(word), start, -1):
                number = self._vocabulary.get(lead + word[start:end])
                if number is not None:
                    ids.append(number)
                    start = end
                    break
            else:
                return self._unknown
        return ids


def _finder(contents: Sequence[str]) -> re.Pattern[str] | None:
    """A pattern that finds the leftmost added token, the longest where several begin there."""
    if not contents:
        return None
    return re.compile("|".join(map(re.escape, sorted(contents, key=len, reverse=True))))


def _parts(finder: re.Pattern[str] | None, text: str) -> Iterator[tuple[str, bool]]:
    """Each part of the text and whether it is an added token."""
    at = 0
    for match in finder.finditer(text) if finder is not None else ():
        yield text[at : match.start()], False
        yield match.group(), True
        at = match.end()
    yield text[at:], False


def _cleaner(cleaning: Mapping[str, Any]) -> Any:
    """A function of one character: what is left of it."""
    strips = cleaning["strip_accents"]
    strips = cleaning["lowercase"] if strips is None else strips

    def cleaned(character: str) -> str:
        if cleaning["clean_text"]:
            if _is_control(character):
                return ""
            character = " " if character in WHITE else character
        if cleaning["handle_chinese_chars"] and _is_chinese(ord(character)):
            character = f" {character} "
        if strips:
            decomposed = unicodedata.normalize("NFD", character)
            character = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
        return "".join(c.lower() for c in character) if cleaning["lowercase"] else character

    return lru_cache(KNOWN_CHARACTERS)(cleaned)


def _is_control(character: str) -> bool:
    if character in KEPT_CONTROLS:
        return False
    return character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")


def _is_chinese(code: int) -> bool:
    return code >= CHINESE[1][0] and any(first <= code <= last for first, last in CHINESE)


def _words(text: str) -> Iterator[str]:
    """Split at white space, which goes, and at punctuation, each a word of its own."""
    start = None
    for place, character in enumerate(text):
        is_white = character in WHITE
        if not (is_white or _is_punctuation(character)):
            start = place if start is None else start
            continue
        if start is not None:
            yield text[start:place]
            start = None
        if not is_white:
            yield character
    if start is not None:
        yield text[start:]


@lru_cache(KNOWN_CHARACTERS)
def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")
