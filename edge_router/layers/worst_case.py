"""The most that an answer may cost, and how long an answer the limits pay for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from edge_router.chat.request import ChatRequest, estimated_tokens
from edge_router.errors import CostLimitReached
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Expert, Location

from .amount import Amount

__all__ = ["Limit", "Need", "is_free", "most_input_tokens"]

BYTES_PER_TOKEN = 3  # of UTF-8; prose has about 4, code and Chinese about 3
MESSAGE_TOKENS = 8  # what a chat template puts around a message
MEDIA_FACTOR = 3  # times the usual tokens of an image, a sound or a file


@dataclass(frozen=True, slots=True)
class Limit:
    """What is left by one limit, in dollars, or in tokens where `in_tokens`. `words` name it;
    `free_in_s` says when there is more of it at the latest (a reservation may be released before),
    None for never."""

    left: float
    reason: Reason
    words: str
    in_tokens: bool = False
    free_in_s: float | None = None
    free_at: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """One answer of at most `max_tokens` tokens that `expert` is to be asked for, to a request of
    which it reads at most `read_tokens`; expected to have `expected_tokens` tokens and to take
    `expected_s` seconds."""

    expert: Expert
    read_tokens: int
    max_tokens: int
    expected_tokens: float
    expected_s: float

    @classmethod
    def of(cls, expert: Expert, request: ChatRequest, tokens: float, seconds: float) -> Self:
        """What `expert` needs for a request; `tokens` and `seconds` are expected of its answer."""
        read = expert.read_tokens(most_input_tokens(request))
        return cls(expert, read, request.max_tokens, tokens, seconds)

    @property
    def counts_tokens(self) -> bool:
        """Whether limits on tokens hold for it: those of the cloud are counted."""
        return self.expert.location == Location.CLOUD

    def within(self, limits: Sequence[Limit]) -> Amount:
        """The longest answer that all `limits` pay for, at its worst case.

        Raises CostLimitReached where one does not pay for the expected answer, and for an unknown
        price where dollars are limited.
        """
        limits = [one for one in limits if self.counts_tokens or not one.in_tokens]
        if self.expert.pricing is None and not all(one.in_tokens for one in limits):
            raise CostLimitReached(
                f"{self.expert.name} was not asked: a limit on cost is set and its price is not "
                "known",
                limit=Reason.PRICE_UNKNOWN,
            )
        paid = [self._paid_by(one) for one in limits]
        least = min(self.expected_tokens, self.max_tokens)
        short = [one for one, tokens in zip(limits, paid, strict=True) if tokens < least]
        if short:
            raise self._refusal(max(short, key=lambda one: (_free_in_s(one), -one.left)))
        tokens = min([self.max_tokens, *paid])
        counted = self.read_tokens + tokens if self.counts_tokens else 0
        return Amount(self._usd(tokens), counted, tokens)

    def _paid_by(self, limit: Limit) -> int:
        """How many tokens of an answer a limit pays for, at most those requested; below 1 for none
        at all."""
        most, pricing = self.max_tokens, self.expert.pricing
        left = limit.left - (self.read_tokens if limit.in_tokens else self._usd(0))
        each = 1.0 if limit.in_tokens else (pricing.output_usd_per_million / 1e6 if pricing else 0)
        if left < 0 or each == 0:
            return -1 if left < 0 else most
        return int(min(most, left / each))

    def _refusal(self, limit: Limit) -> CostLimitReached:
        from edge_router.settings.dollars import dollars

        most = self.max_tokens
        if limit.in_tokens:
            left, may = f"{max(0, limit.left):.0f} tokens are", f"take {self.read_tokens + most}"
        else:
            left = f"{dollars(limit.left, digits=4)} is"
            may = f"cost {dollars(self._usd(most), digits=4)}"
        again = f"; it is free again at {limit.free_at} at the latest" if limit.free_at else ""
        return CostLimitReached(
            f"{self.expert.name} was not asked: {left} left of {limit.words}, and it may {may}"
            f"{again}",
            limit=limit.reason,
            retry_after_s=limit.free_in_s,
        )

    def _usd(self, tokens: int) -> float:
        """Dollars for an answer of `tokens` tokens; 0 for an unknown price."""
        return self.expert.cost(self.read_tokens, tokens, self.expected_s) or 0.0


def _free_in_s(limit: Limit) -> float:
    return math.inf if limit.free_in_s is None else limit.free_in_s


def is_free(expert: Expert) -> bool:
    """Whether asking it spends nothing that a budget counts."""
    price = expert.pricing
    return (
        expert.location != Location.CLOUD
        and expert.usd_per_hour == 0
        and price is not None
        and price.input_usd_per_million == price.output_usd_per_million == 0
    )


def most_input_tokens(request: ChatRequest) -> int:
    """About the most tokens that any tokenizer makes of a conversation; of digits it makes more."""
    written = sum(len(text.encode()) for text in request.texts)
    shown = sum(part.characters for message in request.messages for part in message.media)
    return (
        -(-written // BYTES_PER_TOKEN)
        + MESSAGE_TOKENS * len(request.messages)
        + MEDIA_FACTOR * estimated_tokens(shown)
    )
