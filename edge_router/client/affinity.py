"""Which expert has read which conversation, and what leaving it would cost.

In memory, and only where the setting `affinity` is on: of each of the last conversations a hash of
its turns, and the expert that answered them.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Self

from edge_router.chat.completion import ChatRequest, Message, estimated_tokens
from edge_router.device.latency import Pace, reading_s
from edge_router.guards.forking import ForkSafeLock
from edge_router.routing.deciding.decision import Stay
from edge_router.routing.experts.expert import Expert
from edge_router.settings.config import Config

__all__ = ["Affinity", "lost_usd"]

MOST_CONVERSATIONS = 4096


def lost_usd(
    expert: Expert,
    tokens: float,
    *,
    pace: Pace,
    usd_per_second: float,
    cached_usd_per_million: float | None,
) -> float:
    """Dollars to have `expert` read `tokens` again that it has read before.

    On this device: the seconds of reading, at its real `pace`, by the price of its hour. At a
    server: the price of new tokens less `cached_usd_per_million`, the price of tokens in its cache.
    """
    if expert.leaves_device:
        if expert.pricing is None or cached_usd_per_million is None:
            return 0.0
        saved = expert.pricing.input_usd_per_million - cached_usd_per_million
        return max(0.0, saved) * tokens / 1e6
    speed = expert.speed
    read_s = reading_s(tokens, tokens, 1 / speed.input_tokens_per_s, speed.input_growth_s)
    seconds = math.exp(pace.first) * read_s
    return seconds * (usd_per_second + expert.usd_per_hour / 3600)


class Affinity:
    """The experts of the last conversations. Thread-safe. `cached_prices` are dollars for a million
    tokens that a server has in its cache, by the name of its expert."""

    def __init__(
        self,
        experts: Mapping[str, Expert],
        *,
        usd_per_second: float,
        cached_prices: Mapping[str, float],
    ) -> None:
        self._experts = experts
        self._usd_per_second = usd_per_second
        self._cached_prices = cached_prices
        self._answered: OrderedDict[bytes, str] = OrderedDict()
        self._lock = ForkSafeLock()

    @classmethod
    def from_config(cls, config: Config, experts: Sequence[Expert]) -> Self:
        """The affinity of conversations with the experts of `config`."""
        prices = {
            name: one.cached_input_usd_per_million
            for name, one in config.experts.items()
            if one.cached_input_usd_per_million is not None
        }
        known = {one.name: one for one in experts}
        return cls(known, usd_per_second=config.usd_per_second, cached_prices=prices)

    def stay(self, request: ChatRequest, paces: Mapping[str, Pace]) -> Stay | None:
        """The expert that answered the turns before, and the price of leaving it; None at the
        beginning of a conversation, and for one that this process has not seen."""
        messages = request.messages
        at = next((p for p in reversed(range(len(messages))) if messages[p].role == "assistant"), 0)
        if not at:
            return None
        with self._lock:
            name = self._answered.get(_key(messages[:at]))
        if name is None:
            return None
        expert = self._experts[name]
        read = estimated_tokens(sum(message.characters for message in messages[: at + 1]))
        lost = lost_usd(
            expert,
            expert.read_tokens(read),
            pace=paces.get(name, Pace()),
            usd_per_second=self._usd_per_second,
            cached_usd_per_million=self._cached_prices.get(name),
        )
        return Stay(name, lost)

    def answered(self, request: ChatRequest, expert: str) -> None:
        """Note that an expert has read a request, and answered it."""
        key = _key(request.messages)
        with self._lock:
            self._answered[key] = expert
            self._answered.move_to_end(key)
            while len(self._answered) > MOST_CONVERSATIONS:
                self._answered.popitem(last=False)


def _key(messages: Sequence[Message]) -> bytes:
    digest = hashlib.sha256()
    for message in messages:
        for text in (message.role, *message.texts):
            content = text.encode()
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
    return digest.digest()
