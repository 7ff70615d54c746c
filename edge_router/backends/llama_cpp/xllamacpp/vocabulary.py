"""The vocabulary of a model that xllamacpp runs, as far as its file tells and its server says.

The server has no call for its tokenizer. It takes prompts as texts, and refuses one that is too
long with the number of its tokens, before it computes anything: that is how tokens are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ..gguf import GgufHeader
from ..prompt import Encoded, Fragment

__all__ = ["ServerVocabulary"]

TOKENS, TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
UNKNOWN, CONTROL = 2, 3  # GGUF's types of tokens that text is not searched for
ENDS = re.compile(rb"<\|[^|]*\|>|<\xef\xbd\x9c.*\xef\xbd\x9c>|<end_of_\w+>")  # of files that err


@dataclass(frozen=True, slots=True, eq=False)
class ServerVocabulary:
    """`tokens` are the marks with their numbers, `bos` and `eos` texts, "" for none; `counted`
    counts the tokens of a prompt. Thread-safe."""

    tokens: Mapping[str, int]
    bos: str
    eos: str
    counted: Callable[[Sequence[int | str]], int]

    @classmethod
    def of(
        cls, path: Path, header: GgufHeader, counted: Callable[[Sequence[int | str]], int]
    ) -> Self:
        """The vocabulary of the file at `path`. Raises OSError."""
        special = _special(path, header)
        stated = (header.facts.get(f"tokenizer.ggml.{one}_token_id") for one in ("bos", "eos"))
        first, last = (one if type(one) is int else -1 for one in stated)
        marks, named = {}, {}
        for token, text in enumerate(_texts(path, header)):  # of which few are kept
            if text and (token in special or ENDS.fullmatch(text)):
                marks[text.decode(errors="replace")] = token
            if token in (first, last):
                named[token] = text.decode(errors="replace")
        return cls(marks, named.get(first, ""), named.get(last, ""), counted)

    @property
    def marks(self) -> frozenset[str]:
        return frozenset(self.tokens)

    def encode(self, fragments: Sequence[Fragment]) -> Encoded:
        """The fragments as texts, which the server reads one by one; marks in those that are plain
        text are cut in two, so that it sees none."""
        pieces: list[int | str] = []
        for text, marks, add_bos in fragments:
            if not marks:
                pieces += self._plain(text)
            elif not pieces and (first := self._first(text, add_bos=add_bos)):
                pieces += [self.tokens[first], text.removeprefix(first)]
            else:
                pieces.append(text)
        pieces = [piece for piece in pieces if piece != ""]
        return Encoded(pieces, self.counted(pieces))

    def _first(self, text: str, *, add_bos: bool) -> str:
        """The mark at the beginning, "" for none. Given as a token, no other one is put before."""
        if add_bos:
            return self.bos if self.bos in self.tokens and text.startswith(self.bos) else ""
        return max((mark for mark in self.tokens if text.startswith(mark)), key=len, default="")

    def _plain(self, text: str) -> Iterator[str]:
        """The text in parts that hold no mark."""
        found = [mark for mark in self.tokens if len(mark) > 1 and mark in text]
        if not found:
            yield text
            return
        mark = max(found, key=len)
        at = text.index(mark) + len(mark) // 2
        yield from self._plain(text[:at])
        yield from self._plain(text[at:])


def _texts(path: Path, header: GgufHeader) -> Iterator[bytes]:
    """The texts of the tokens. The header was read and checked before."""
    if TOKENS not in header.starts:
        return
    data, at = _region(path, header.starts[TOKENS], header.end), 0
    for _ in range(header.lengths[TOKENS]):
        length = int.from_bytes(data[at : at + 8], "little")
        yield data[at + 8 : at + 8 + length]
        at += 8 + length


def _special(path: Path, header: GgufHeader) -> frozenset[int]:
    """The tokens that are marks by their type."""
    if TYPES not in header.starts:
        return frozenset()
    start = header.starts[TYPES]
    data = _region(path, start, min(header.end, start + 4 * header.lengths[TYPES]))
    kinds = np.frombuffer(data, "<i4")
    return frozenset(np.flatnonzero((kinds == UNKNOWN) | (kinds == CONTROL)).tolist())


def _region(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)
