"""The state of one query: the request, the decision, and what each expert has sent so far."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Literal

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import (
    ChatChunk,
    ChatRequest,
    FinishReason,
    Usage,
    estimated_tokens,
)
from edge_router.errors import BackendError, BackendProtocolError
from edge_router.layers.budget import Reservation
from edge_router.routing.deciding.decision import Decision, Snapshot
from edge_router.routing.deferral import Deferral
from edge_router.routing.experts.expert import Expert
from edge_router.settings.constraints import Constraints

__all__ = ["Ask", "Attempt", "Chunks", "OnBreak", "Query", "first_piece"]

MOST_CHARACTERS_PER_TOKEN = 16  # in the mean of an answer, blanks included
MOST_OF_LIMIT = 100  # times max_tokens; thinking may count beside it
SLACK = 1.25  # what is counted here is no tokenizer's count
LONGEST_PIECES = 8  # characters in the mean; two tokens of English have about 9

OnBreak = Literal["raise", "restart"]
"""What becomes of a stream whose expert fails after its first piece: an error, or a new answer."""

Chunks = Generator[ChatChunk, None, None]
"""An answer in pieces."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One expert's answer while it arrives. `cost_usd` is None for an unknown price.

    `request` has the limit on length that `reservation` pays for; no money is reserved (None) where
    no cost is limited.
    """

    expert: Expert
    request: ChatRequest
    reservation: Reservation | None
    started: float = field(default_factory=time.monotonic)
    pieces: int = 0
    characters: int = 0
    thoughts: int = 0
    thought_characters: int = 0
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    cost_usd: float | None = 0.0
    ended: float | None = None

    def take(self, chunk: ChatChunk) -> None:
        """Count one chunk."""
        called = sum(len(call.name or "") + len(call.arguments) for call in chunk.tool_calls)
        self.pieces += bool(chunk.delta or chunk.tool_calls)
        self.characters += len(chunk.delta) + called
        self.thoughts += bool(chunk.reasoning_content)
        self.thought_characters += len(chunk.reasoning_content)
        self.usage = chunk.usage or self.usage
        self.finish_reason = chunk.finish_reason or self.finish_reason

    @property
    def has_begun(self) -> bool:
        """Whether the expert wrote anything, if only thoughts: from then on it costs."""
        return self.pieces + self.thoughts > 0

    @property
    def counted(self) -> Usage:
        """The expert's own count of tokens if it is plausible, else an estimate from the texts.

        Each piece counts as a token, unless pieces are too long for that; thoughts are paid for as
        the answer is.
        """
        written = _written(self.pieces, self.characters)
        written += _written(self.thoughts, self.thought_characters)
        if self.usage is not None and self._is_plausible(self.usage.completion_tokens):
            return self.usage
        read = estimated_tokens(self.request.characters)
        return Usage(self.expert.read_tokens(read), written)

    def _is_plausible(self, tokens: int) -> bool:
        """Whether the answer can have so many tokens."""
        least = self.characters // MOST_CHARACTERS_PER_TOKEN
        return least <= tokens <= MOST_OF_LIMIT * self.request.max_tokens and (
            tokens > 0 or not self.has_begun
        )

    @property
    def is_too_long(self) -> bool:
        """Whether it surely exceeds the length that the money is reserved for."""
        if self.reservation is None or self.reservation.max_tokens is None:
            return False
        surely = min(self.pieces, estimated_tokens(self.characters))
        return surely > SLACK * self.request.max_tokens + LONGEST_PIECES

    def settle(self, *, answered: bool) -> None:
        """Book the cost at its end: a call that failed before it wrote anything costs nothing."""
        used: Usage | None = None
        self.ended = time.monotonic()
        if answered:
            used, seconds = self.counted, self.ended - self.started
            self.cost_usd = self.expert.cost(used.prompt_tokens, used.completion_tokens, seconds)
        if self.reservation is not None:
            self.reservation.settle(self.cost_usd, used)


def _written(pieces: int, characters: int) -> int:
    """Tokens of a text that came in pieces."""
    return estimated_tokens(characters) if characters > LONGEST_PIECES * pieces else pieces


@dataclass(slots=True, eq=False)
class Query:
    """State of one query: arrival time, its own constraints, the expert snapshot, the decision,
    failures and attempts so far, and the deferral if the local answer was abandoned. A `whole`
    answer is not shown before it is complete; of another, `on_break` says what becomes of it if its
    expert fails. Nothing is learned from one that is not `learned`. `overflow` is the first expert
    whose context it exceeded, `hedge` one that was asked beside the one that answers. Attempts are
    begun one at a time, under `reserving`: each leaves the next one what is left of the money.

    `started` is on the monotonic clock, `router_s` and `first_token_s` (None before it) in seconds.
    """

    request: ChatRequest
    decision: Decision
    constraints: Constraints | None
    snapshot: Snapshot
    deadline: Deadline
    started: float
    router_s: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    failures: dict[str, BackendError] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    deferral: Deferral | None = None
    first_token_s: float | None = None
    whole: bool = False
    learned: bool = True
    on_break: OnBreak = "raise"
    router_closed: bool = False
    overflow: str | None = None
    hedge: str | None = None
    cached: str | None = None
    reserving: threading.Lock = field(default_factory=threading.Lock)

    def elapsed(self) -> float:
        """Seconds since it arrived."""
        return time.monotonic() - self.started

    def attempt_of(self, name: str) -> Attempt | None:
        """The last attempt of an expert, None before the first."""
        return next((a for a in reversed(self.attempts) if a.expert.name == name), None)

    @property
    def answering(self) -> Attempt | None:
        """The attempt whose answer is shown: that of the expert it was handed to, else the last
        attempt that did not fail."""
        if self.handed_to is not None:
            return self.attempt_of(self.handed_to)
        return next(
            (a for a in reversed(self.attempts) if a.expert.name not in self.failures), None
        )

    @property
    def cost_usd(self) -> float | None:
        """Dollars for all attempts that have ended; None for an unknown price."""
        costs = [attempt.cost_usd for attempt in self.attempts]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def reserved_usd(self) -> float:
        """Dollars reserved for attempts that are under way."""
        held = [one.reservation for one in self.attempts]
        return sum(one.usd for one in held if one is not None and not one.settled)

    @property
    def handed_to(self) -> str | None:
        """The expert that took over from another, if any."""
        if self.deferral is None or self.deferral.to in self.failures:
            return None
        return self.deferral.to


Ask = Callable[[Query, str], Chunks]
"""Asks an expert by its name: `Asking.ask` of the dispatch, or a `Handover` around it."""


def first_piece(chunks: Chunks, name: str) -> ChatChunk:
    """The first chunk of a stream. Raises BackendProtocolError where there is none."""
    try:
        return next(chunks)
    except StopIteration:
        raise BackendProtocolError(f"{name} sent an empty stream") from None
