"""Experts prepared once, so that a query is estimated for all of them at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .calibration import sigmoid
from .candidates import Candidates, Traits
from .encoder import FloatArray, Representation
from .experts import Expert, Pricing
from .latency import AS_STATED, ExpertState

__all__ = ["Panel"]

Floats = npt.NDArray[np.float64]
UNKNOWN_PRICE = (np.nan, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """The columns of `ExpertState`, or one number for all experts."""

    log_length: Floats | float = 0.0
    cached_tokens: Floats | float = 0.0
    cold_s: Floats | float = 0.0
    first: Floats | float = 1.0
    rest: Floats | float = 1.0


AS_THEY_ARE = _Now()


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The heads, speeds and prices of experts as columns (experts,), ready to be multiplied.

    `weights` (experts, representation_dim) and `bias` give log-odds at each head's temperature.
    `room` is how many tokens an expert reads at most; `grows` whether the context's length counts
    for anybody's speed. What it expects is what `Expert.estimate` does, up to rounding.
    """

    traits: Traits
    weights: FloatArray
    bias: Floats
    log_tokens: Floats
    start_s: Floats
    s_per_input: Floats
    s_per_output: Floats
    input_growth_s: Floats
    output_growth_s: Floats
    grows: bool
    room: Floats
    usd_per_input: Floats
    usd_per_output: Floats
    usd_per_s: Floats

    @classmethod
    def of(cls, experts: Sequence[Expert], *, configured: int | None = None) -> Panel:
        """The first `configured` experts may be asked, the others only serve to compare."""
        first = len(experts) if configured is None else configured
        heads, speeds = [e.head for e in experts], [e.speed for e in experts]
        prices = [_price(e.pricing) for e in experts]
        temperature = _column(head.temperature for head in heads)
        weights = np.array([head.weights for head in heads], dtype=np.float32)
        return cls(
            traits=Traits.of(experts, [place < first for place in range(len(experts))]),
            weights=(weights / temperature[:, None]).astype(np.float32),
            bias=_column(head.bias for head in heads) / temperature,
            log_tokens=_column(head.log_tokens for head in heads),
            start_s=_column(speed.start_s for speed in speeds),
            s_per_input=_column(1 / speed.input_tokens_per_s for speed in speeds),
            s_per_output=_column(1 / speed.output_tokens_per_s for speed in speeds),
            input_growth_s=_column(speed.input_growth_s for speed in speeds),
            output_growth_s=_column(speed.output_growth_s for speed in speeds),
            grows=any(speed.input_growth_s or speed.output_growth_s for speed in speeds),
            room=_column(e.context_tokens or np.inf for e in experts),
            usd_per_input=_column(read / 1e6 for read, _ in prices),
            usd_per_output=_column(written / 1e6 for _, written in prices),
            usd_per_s=_column(e.usd_per_hour / 3600 for e in experts),
        )

    def estimate(
        self,
        query: Representation,
        *,
        input_tokens: int,
        max_tokens: int,
        states: Mapping[str, ExpertState],
    ) -> Candidates:
        """What to expect of every expert, in its state, for a query of `input_tokens`."""
        now = self._now(states) if states else AS_THEY_ARE
        log_length = self.log_tokens + (query.log_tokens + now.log_length)
        written = np.minimum(np.exp(np.minimum(np.maximum(log_length, 0.0), 10.0)), max_tokens)
        latency = self._latency(np.minimum(self.room, input_tokens), written, now)
        price = input_tokens * self.usd_per_input + written * self.usd_per_output
        # Row by row, so that an estimate does not depend on who else is on the panel.
        log_odds = self.bias + np.einsum("ij,j->i", self.weights, query.vector)
        return Candidates(
            self.traits,
            quality=sigmoid(log_odds),
            cost_usd=price + self.usd_per_s * latency,
            latency_s=latency,
            output_tokens=written,
        )

    def _latency(self, read: Floats, written: Floats, now: _Now) -> Floats:
        """Seconds until each answer is complete: `Pace.latency` of `Speed`, in columns."""
        new = np.maximum(read - now.cached_tokens, 0.0)
        reading, writing = new * self.s_per_input, written * self.s_per_output
        if self.grows:
            reading += self.input_growth_s * new * (read - new / 2)
            writing += self.output_growth_s * written * (read + written / 2)
        found: Floats = now.cold_s + now.first * (self.start_s + reading) + now.rest * writing
        return found

    def _now(self, states: Mapping[str, ExpertState]) -> _Now:
        experts: list[Expert] = self.traits.experts.tolist()
        known = [states.get(expert.name, AS_STATED) for expert in experts]
        pairs = zip(known, experts, strict=True)
        return _Now(
            log_length=_column(s.log_length for s in known),
            cached_tokens=_column(s.cached_tokens for s in known),
            cold_s=_column(s.pace.load_s(e.speed) if s.cold else 0.0 for s, e in pairs),
            first=_column(s.slowdown * math.exp(s.pace.first) for s in known),
            rest=_column(s.slowdown * math.exp(s.pace.rest) for s in known),
        )


def _price(pricing: Pricing | None) -> tuple[float, float]:
    """Dollars per million tokens read and written."""
    if pricing is None:
        return UNKNOWN_PRICE
    return pricing.input_usd_per_million, pricing.output_usd_per_million


def _column(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)
