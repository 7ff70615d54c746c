"""A conversation becomes the router's input: the same function in training and in serving.

Characters are cut before anything walks over them (a tokenizer's own truncation comes too late:
it has then read all 10 MB), head and tail, because the question is often at the end.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.chat.request import ChatRequest

from .file import read_regular
from .wordpiece import END, START, WordPiece

__all__ = [
    "LATIN",
    "TEMPLATE",
    "RouterTokenizer",
    "cut",
    "head_and_tail",
    "last_turn",
    "router_input",
    "script_of",
    "script_of_language",
]


TEMPLATE = "user-turns-v1"
SHORT_TURN_CHARS = 48
MAX_BYTES = 16 * 2**20  # of a tokenizer.json

IntArray = npt.NDArray[np.int64]


def router_input(request: ChatRequest, max_chars: int) -> str:
    """The text that the router reads, at most `max_chars` characters.

    It is the last user turn; while that is shorter than 48 characters ("yes", "and in French?"),
    the user turn before it is put in front, so that no decision rests on one word. Walks back only
    as far as it needs: a history of any length costs the same.
    """
    text = ""
    for message in reversed(request.messages):
        turn = cut(message.text, max_chars) if message.role == "user" else ""
        if not turn:
            continue
        text = f"{turn}\n{text}" if text else turn
        if len(text) >= SHORT_TURN_CHARS:
            break
    return cut(text, max_chars)


def last_turn(request: ChatRequest, max_chars: int) -> str:
    """The last user turn alone, at most `max_chars` characters; "" where there is none."""
    turns = (cut(one.text, max_chars) for one in reversed(request.messages) if one.role == "user")
    return next(filter(None, turns), "")


def cut(text: str, max_chars: int) -> str:
    """`text` without outer blanks; of a longer one its first and last halves of `max_chars`.

    `max_chars` is 1 or more. Costs the same for a text of any length.
    """
    if len(text) <= max_chars:
        return text.strip()
    half = (max_chars - 1) // 2
    head, tail = text[:half].strip(), text[len(text) - half :].strip()
    if half and not (head and tail) and (stripped := text.strip()) != text:
        return cut(stripped, max_chars)  # blanks had pushed the words out
    return f"{head}\n{tail}"


def head_and_tail(ids: list[int], most: int) -> list[int]:
    """`ids`; of more than `most` the first and the last in equal parts."""
    if len(ids) <= most:
        return ids
    tail = most // 2
    return ids[: most - tail] + ids[len(ids) - tail :]


class RouterTokenizer:
    """The artifact's tokenizer: text -> `input_ids` of at most `max_tokens`, head and tail kept.

    Thread-safe. Truncation and padding of the file are switched off; ours is the only one.
    `max_tokens` is 2 or more. Raises ArtifactCorrupt for a file that is not BERT's WordPiece.
    """

    def __init__(self, path: Path, *, max_tokens: int, content: bytes | None = None) -> None:
        """Reads `path`, or the `content` that was read from there before."""
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        read = read_regular(path, MAX_BYTES) if content is None else content
        words = WordPiece.read(read, str(path))
        self._tokenizer: Any = words.tokenizer()
        self._start, self._end = words.vocabulary[START], words.vocabulary[END]
        self._room = max_tokens - 2

    def input_ids(self, text: str) -> list[int]:
        """`[CLS] text [SEP]`; of a longer text the first and the last tokens in equal parts."""
        (encoding,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return [self._start, *head_and_tail(encoding.ids, self._room), self._end]

    def batch(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """`input_ids` and `attention_mask`, each (batch, tokens), padded to the longest text."""
        rows = [self.input_ids(text) for text in texts]
        width = max(map(len, rows))
        ids = [row + [0] * (width - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        return np.array(ids, dtype=np.int64), np.array(mask, dtype=np.int64)  # (batch, tokens)


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
    scripts = Counter(_script(letter) for letter in foreign[::step])
    return max(scripts, key=lambda name: (scripts[name], name))


def script_of_language(language: str) -> str:
    """What a language (ISO 639-1) is usually written in; Latin for one that is not listed."""
    return _OF_LANGUAGE.get(language, LATIN)


def _script(letter: str) -> str:
    first = unicodedata.name(letter, LATIN).split(" ")[0].split("-")[0].lower()
    return _NAMES.get(first, first)
