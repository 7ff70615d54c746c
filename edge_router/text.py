"""A conversation becomes the router's input: the same function in training and in serving.

Characters are cut before anything walks over them (a tokenizer's own truncation comes too late:
it has then read all 10 MB), head and tail, because the question is often at the end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .artifact_file import read_regular
from .chat import ChatRequest
from .wordpiece import END, START, WordPiece

__all__ = ["TEMPLATE", "RouterTokenizer", "cut", "router_input"]

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
        turn = cut(message.content, max_chars) if message.role == "user" else ""
        if not turn:
            continue
        text = f"{turn}\n{text}" if text else turn
        if len(text) >= SHORT_TURN_CHARS:
            break
    return cut(text, max_chars)


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
        ids: list[int] = encoding.ids
        if len(ids) > self._room:
            tail = self._room // 2
            ids = ids[: self._room - tail] + ids[len(ids) - tail :]
        return [self._start, *ids, self._end]

    def batch(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """`input_ids` and `attention_mask`, each (batch, tokens), padded to the longest text."""
        rows = [self.input_ids(text) for text in texts]
        width = max(map(len, rows))
        ids = [row + [0] * (width - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        return np.array(ids, dtype=np.int64), np.array(mask, dtype=np.int64)  # (batch, tokens)
