"""Whether a text fits a context, where no tokenizer is at hand: bounds by its bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from edge_router.backends.base import Backend, CountsTokens
from edge_router.chat.request import ChatRequest

from .expert import Expert

__all__ = ["ContextRoom", "counted_tokens", "least_tokens", "likely_tokens", "must_fit"]

MOST_BYTES = 6  # of a token, at the mean of a text: real ones of 200 characters and more have 5.9
BYTES, FOREIGN_BYTES = 4, 2  # of a token in ASCII, and in what is not
WORST_BYTES = 64  # of a token that is a run of blanks
TEMPLATE_TOKENS = 8  # what a chat template puts around a message, about
MOST_BYTES_OF_CHARACTER = 4  # in UTF-8, so no text has more tokens than that


@dataclass(frozen=True, slots=True)
class ContextRoom:
    """The contexts of experts in tokens, by their names; unknown ones are not there."""

    rooms: tuple[tuple[str, int], ...]
    smallest: float
    largest: float

    @classmethod
    def of(cls, experts: Iterable[Expert]) -> Self:
        rooms = tuple((e.name, e.context_tokens) for e in experts if e.context_tokens is not None)
        sizes = [size for _, size in rooms]
        return cls(rooms, min(sizes, default=math.inf), max(sizes, default=0))

    def tokens(self, request: ChatRequest) -> tuple[int, tuple[str, ...]]:
        """The least tokens that must fit a context whole, and whose context they likely do not fit.

        That is the system messages and the last turn; older turns may go.
        """
        texts = must_fit(request)
        characters = sum(map(len, texts))
        if MOST_BYTES_OF_CHARACTER * characters < self.smallest:
            return -(-characters // MOST_BYTES), ()
        likely = likely_tokens(texts)
        doubtful = tuple(name for name, size in self.rooms if likely >= size)
        return least_tokens(texts, enough=self.largest), doubtful


def must_fit(request: ChatRequest) -> list[str]:
    """The texts that a context must hold whole: system messages, the last turn, and tools."""
    texts = [text for message in request.untrimmable for text in message.texts]
    return [*texts, *request.schemas]


def counted_tokens(
    request: ChatRequest, experts: Mapping[str, Expert], backends: Mapping[str, Backend]
) -> dict[str, int]:
    """What must fit, by expert, as the models behind `backends` count it: for those that can, and
    whose context has not room for it in any case."""
    texts = must_fit(request)
    most = MOST_BYTES_OF_CHARACTER * sum(map(len, texts))
    tight = [name for name in backends if most >= (experts[name].context_tokens or math.inf)]
    counts = {name: _counted(texts, backends[name]) for name in tight}
    return {name: count for name, count in counts.items() if count is not None}


def _counted(texts: Sequence[str], backend: Backend) -> int | None:
    if not isinstance(backend, CountsTokens):
        return None
    counts = [backend.count_tokens(text) for text in texts]
    known = [count + TEMPLATE_TOKENS for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def least_tokens(texts: Sequence[str], *, enough: float) -> int:
    """A lower bound: no tokenizer in use makes fewer tokens of these texts.

    Runs of blanks are left out, unless there are `enough` tokens whatever they are.
    """
    size = sum(_size(text) for text in texts)
    if size // WORST_BYTES < enough:
        size -= sum(2 * text.count("  ") for text in texts)
    return -(-size // MOST_BYTES)


def likely_tokens(texts: Sequence[str]) -> int:
    """About as many as small models' own tokenizers make: each digit one, two bytes of what is not
    ASCII one."""
    size = sum(_size(text) for text in texts)
    ascii_size = sum(len(text.encode("ascii", "ignore")) for text in texts)
    digits = sum(text.count(digit) for text in texts for digit in "0123456789")
    plain = ascii_size - digits
    return -(-plain // BYTES) + digits + -(-(size - ascii_size) // FOREIGN_BYTES)


def _size(text: str) -> int:
    """The size of a text in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())
