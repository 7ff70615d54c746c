"""One expert asked for one answer: what it may cost, what has arrived, what that cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from edge_router.chat.completion import (
    ChatChunk,
    ChatRequest,
    FinishReason,
    Usage,
    estimated_tokens,
)
from edge_router.layers.budget import Reservation
from edge_router.routing.experts.expert import Expert

__all__ = ["Attempt"]

MOST_CHARACTERS_PER_TOKEN = 16  # in the mean of an answer, blanks included
MOST_OF_LIMIT = 100  # times max_tokens; thinking may count beside it
SLACK = 1.25  # what is counted here is no tokenizer's count
LONGEST_PIECES = 8  # characters in the mean; two tokens of English have about 9


@dataclass(slots=True, eq=False)
class Attempt:
    """An expert's answer on its way. `cost_usd` is None where the price is not known.

    `request` has the limit on length that `reservation` pays for.
    """

    expert: Expert
    request: ChatRequest
    reservation: Reservation
    started: float = field(default_factory=time.monotonic)
    pieces: int = 0
    characters: int = 0
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    cost_usd: float | None = 0.0

    def take(self, chunk: ChatChunk) -> None:
        """Count one chunk."""
        self.pieces += bool(chunk.delta)
        self.characters += len(chunk.delta)
        self.usage = chunk.usage or self.usage
        self.finish_reason = chunk.finish_reason or self.finish_reason

    @property
    def counted(self) -> Usage:
        """Tokens as the expert counts them; before it does, those of what was read and received.

        A piece is a token, unless pieces are too long for that.
        """
        written = self.pieces
        if self.characters > LONGEST_PIECES * self.pieces:
            written = estimated_tokens(self.characters)
        if self.usage is not None and self._is_plausible(self.usage.completion_tokens):
            return self.usage
        read = estimated_tokens(self.request.characters)
        return Usage(self.expert.read_tokens(read), written)

    def _is_plausible(self, tokens: int) -> bool:
        """Whether so many tokens can have been written; what is not so is counted here instead."""
        least = self.characters // MOST_CHARACTERS_PER_TOKEN
        return least <= tokens <= MOST_OF_LIMIT * self.request.max_tokens and (
            tokens > 0 or self.pieces == 0
        )

    @property
    def is_too_long(self) -> bool:
        """Whether it is surely beyond the limit on its length that the money is reserved for."""
        surely = min(self.pieces, estimated_tokens(self.characters))
        return self.reservation.max_tokens is not None and (
            surely > SLACK * self.request.max_tokens + LONGEST_PIECES
        )

    def settle(self, *, answered: bool) -> None:
        """Book it once it has ended: a call that failed before its first piece costs nothing."""
        if answered:
            used, seconds = self.counted, time.monotonic() - self.started
            self.cost_usd = self.expert.cost(used.prompt_tokens, used.completion_tokens, seconds)
        self.reservation.settle(self.cost_usd)
