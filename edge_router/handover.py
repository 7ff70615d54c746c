"""The composite that answers a watched query: an expert on the device, or whom it hands over to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Self

from .backends.base import Deadline
from .chat import ChatChunk
from .config import Config
from .deferral import Deferral, reconsider, what_is_left
from .errors import BackendProtocolError, BackendUnavailable
from .experts import CHARACTERS_PER_TOKEN, Expert
from .policy import Constraints
from .query import Query
from .router import Router
from .watch import Chunks, Watch

__all__ = ["SILENCE_S", "Ask", "Handover", "first_piece"]

SILENCE_S = 10.0  # a cloud expert that sends nothing for so long is left for one that may step in


Ask = Callable[[Query, str, Deadline], Chunks]
"""Asks an expert by name, within limits and a deadline: `EdgeRouter` does it for all attempts."""


@dataclass(frozen=True, slots=True, eq=False)
class Handover:
    """Deferral with everything it needs: `ask` asks an expert by name, `limits` are the constraints
    that hold now for a query with some of its own."""

    watch: Watch
    router: Router
    ask: Ask
    limits: Callable[[Constraints | None], Constraints]

    @classmethod
    def from_config(
        cls,
        config: Config,
        router: Router,
        *,
        ask: Ask,
        limits: Callable[[Constraints | None], Constraints],
    ) -> Self | None:
        """None where deferral is off. Raises ConfigError as `Watch.from_config` does."""
        watch = Watch.from_config(config, router.artifact)
        return None if watch is None else cls(watch, router, ask, limits)

    def applies(self, query: Query, name: str) -> bool:
        """Whether the answer of `name` is watched: that of the expert that was decided on.

        A fallback's is not: who could take it over has failed already.
        """
        return name == query.decision.expert and self.watch.serves(self._expert(name))

    def stream(self, query: Query, deadline: Deadline) -> Chunks:
        """The decided expert's answer, or that of the expert it is handed to.

        `query` learns of the deferral, and of the failure where it came to nothing.
        """
        name = query.decision.expert
        expected = query.decision.estimates[name].quality
        return self.watch.hold_back(
            self.ask(query, name, deadline),
            self.router.point.uncorrected(name, expected),  # what the gate was fitted to
            judge=partial(self._judge, query),
            hand_over=partial(self._hand_over, query),
        )

    def _judge(self, query: Query, probability: float, tokens: int) -> Deferral | None:
        limits = self.limits(query.constraints)
        return reconsider(
            query.decision,
            self.router.experts,
            probability=probability,
            tokens=tokens,
            constraints=what_is_left(
                limits, cost_usd=self._begun_usd(query, tokens), seconds=query.elapsed()
            ),
            rule=self.router.rule,
        )

    def _begun_usd(self, query: Query, tokens: int) -> float:
        """Dollars for the first `tokens` tokens of the decided expert; 0 where its price is not
        known."""
        pricing = self._expert(query.decision.expert).pricing
        read = query.request.characters / CHARACTERS_PER_TOKEN
        return 0.0 if pricing is None else pricing.cost(read, tokens)

    def _hand_over(self, query: Query, deferral: Deferral) -> Chunks | None:
        name = deferral.to
        query.deferral = deferral
        left = query.deadline.remaining()  # the local answer must still be shown where this fails
        deadline = query.deadline.attempt(first_token_s=left / 2, silence_s=SILENCE_S)
        try:
            chunks = self.ask(query, name, deadline)
            return _put_back(first_piece(chunks, name), chunks)
        except BackendUnavailable as error:
            if query.deadline.cancelled:
                raise
            query.failures[name] = error
            return None

    def _expert(self, name: str) -> Expert:
        return next(expert for expert in self.router.experts if expert.name == name)


def first_piece(chunks: Chunks, name: str) -> ChatChunk:
    """The first chunk of a stream. Raises BackendProtocolError where there is none."""
    try:
        return next(chunks)
    except StopIteration:
        raise BackendProtocolError(f"{name} sent an empty stream") from None


def _put_back(first: ChatChunk, rest: Chunks) -> Chunks:
    with closing(rest):
        yield first
        yield from rest
