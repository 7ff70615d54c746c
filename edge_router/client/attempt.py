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
        if self.usage is not None:
            return self.usage
        written = self.pieces
        if self.characters > LONGEST_PIECES * self.pieces:
            written = estimated_tokens(self.characters)
        read = estimated_tokens(self.request.characters)
        return Usage(self.expert.read_tokens(read), written)

    def settle(self, *, answered: bool) -> None:
        """Book it once it has ended: a call that failed before its first piece costs nothing."""
        if answered:
            used, seconds = self.counted, time.monotonic() - self.started
            self.cost_usd = self.expert.cost(used.prompt_tokens, used.completion_tokens, seconds)
        self.reservation.settle(self.cost_usd)
