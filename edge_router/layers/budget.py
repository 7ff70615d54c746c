"""The budget: the most that a call may cost is reserved before it, its real cost booked after."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_router.chat.completion import ChatRequest, estimated_tokens
from edge_router.errors import CostLimitReached
from edge_router.guards.forking import ForkSafeLock, renew_after_fork
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Expert

__all__ = ["Budget", "Reservation", "most_input_tokens"]

BYTES_PER_TOKEN = 3  # of UTF-8; prose has about 4, code and Chinese about 3
MESSAGE_TOKENS = 8  # what a chat template puts around a message
MEDIA_FACTOR = 3  # times the usual tokens of an image, a sound or a file


class Budget:
    """What one EdgeRouter may spend in its life, in dollars; None for no limit. Thread-safe.

    Between `reserve` and `Reservation.settle` the worst case counts as spent, so that calls at the
    same time never overshoot together. What an expert counts beyond its worst case (more input
    tokens than `most_input_tokens`, or an answer longer than allowed) is booked all the same: the
    overshoot is that of one call. A forked child has a budget of its own, which starts with what
    was spent before the fork.
    """

    def __init__(self, usd: float | None = None) -> None:
        self._usd = usd
        self._lock = ForkSafeLock()
        self._spent_usd = 0.0
        self._reserved_usd = 0.0
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Calls under way are the parent's."""
        self._reserved_usd = 0.0

    @property
    def left_usd(self) -> float | None:
        """Dollars that are neither spent nor reserved, never below 0; None without a limit."""
        return None if self._usd is None else max(0.0, self._usd - self.committed_usd)

    @property
    def committed_usd(self) -> float:
        """Dollars that are spent or reserved."""
        return self._spent_usd + self._reserved_usd

    @property
    def spent_usd(self) -> float:
        """Dollars that answers have cost so far."""
        return self._spent_usd

    def reserve(
        self,
        expert: Expert,
        request: ChatRequest,
        *,
        expected_tokens: float,
        expected_s: float,
        max_cost_usd: float | None = None,
    ) -> Reservation:
        """Reserve money for one answer of `expert` to `request`, as long as the limits pay for.

        `max_cost_usd` bounds this answer. Raises CostLimitReached where the limits do not pay for
        the expected answer, of `expected_tokens` tokens and `expected_s` seconds.
        """
        with self._lock:
            left = self.left_usd
            limits = [limit for limit in (max_cost_usd, left) if limit is not None]
            if not limits:
                return Reservation(self, 0.0, None)  # nothing to hold back, so nothing is counted
            if expert.pricing is None:
                raise CostLimitReached(
                    f"{expert.name} was not asked: a limit on cost is set and its price is not "
                    "known",
                    limit=Reason.PRICE_UNKNOWN,
                )
            usd = min(limits)
            tokens = _affordable_tokens(expert, request, usd, expected_s)
            if tokens < min(expected_tokens, request.max_tokens):
                budget = left is not None and usd == left
                raise CostLimitReached(
                    f"{expert.name} was not asked: ${usd:.4g} is left of "
                    f"{'the budget' if budget else 'max_cost_usd'}, and it may cost "
                    f"${_most_usd(expert, request, request.max_tokens, expected_s):.4g}",
                    limit=Reason.BUDGET if budget else Reason.MAX_COST,
                )
            return self._reserved(_most_usd(expert, request, tokens, expected_s), tokens)

    def _reserved(self, usd: float, max_tokens: int) -> Reservation:
        self._reserved_usd += usd
        return Reservation(self, usd, max_tokens)

    def _settle(self, reserved_usd: float, spent_usd: float) -> None:
        with self._lock:
            self._reserved_usd = max(0.0, self._reserved_usd - reserved_usd)
            self._spent_usd += spent_usd


@dataclass(slots=True, eq=False)
class Reservation:
    """Money for one answer of up to `max_tokens` tokens (None: as many as the request allows)."""

    budget: Budget = field(repr=False)
    usd: float
    max_tokens: int | None
    _settled: bool = False

    def settle(self, spent_usd: float | None) -> None:
        """Release the reservation and book what was spent; only the first call counts."""
        if not self._settled:
            self._settled = True
            self.budget._settle(self.usd, spent_usd or 0.0)  # noqa: SLF001 - one concept, two classes


def most_input_tokens(request: ChatRequest) -> int:
    """Most tokens that any tokenizer makes of a conversation, about; of digits it makes more."""
    written = sum(len(text.encode()) for text in request.texts)
    shown = sum(part.characters for message in request.messages for part in message.media)
    return (
        -(-written // BYTES_PER_TOKEN)
        + MESSAGE_TOKENS * len(request.messages)
        + MEDIA_FACTOR * estimated_tokens(shown)
    )


def _most_usd(expert: Expert, request: ChatRequest, tokens: int, seconds: float) -> float:
    """Dollars for an answer of `tokens` tokens; 0 for an unknown price."""
    read = expert.read_tokens(most_input_tokens(request))
    return expert.cost(read, tokens, seconds) or 0.0


def _affordable_tokens(expert: Expert, request: ChatRequest, usd: float, seconds: float) -> int:
    """How many tokens `usd` pays for, at most `request.max_tokens`; below 1 if for none."""
    assert expert.pricing is not None
    left = usd - _most_usd(expert, request, 0, seconds)
    each = expert.pricing.output_usd_per_million / 1e6
    if left < 0 or each == 0:
        return -1 if left < 0 else request.max_tokens
    return min(request.max_tokens, int(left / each))
