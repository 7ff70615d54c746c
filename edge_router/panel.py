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
from .latency import ExpertState

__all__ = ["Panel"]

Floats = npt.NDArray[np.float64]
UNKNOWN_PRICE = Pricing(np.nan, np.nan)
AS_STATED = ExpertState()


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """The columns of `ExpertState`, or one number for all experts."""

    log_length: Floats | float = 0.0
    cached_tokens: Floats | float = 0.0
    cold_s: Floats | float = 0.0
    first: Floats | float = 1.0
    rest: Floats | float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The heads, speeds and prices of experts as columns (experts,); `weights` (experts,
    representation_dim). `room` is how many tokens an expert reads at most.

    What it expects is what `Expert.estimate` does, up to rounding.
    """

    traits: Traits
    weights: FloatArray
    bias: Floats
    temperature: Floats
    log_tokens: Floats
    start_s: Floats
    input_tokens_per_s: Floats
    output_tokens_per_s: Floats
    input_growth_s: Floats
    output_growth_s: Floats
    room: Floats
    input_usd: Floats
    output_usd: Floats
    usd_per_hour: Floats

    @classmethod
    def of(cls, experts: Sequence[Expert], *, configured: int | None = None) -> Panel:
        """The first `configured` experts may be asked, the others only serve to compare."""
        first = len(experts) if configured is None else configured
        heads, speeds = [e.head for e in experts], [e.speed for e in experts]
        prices = [e.pricing or UNKNOWN_PRICE for e in experts]
        return cls(
            traits=Traits.of(experts, [place < first for place in range(len(experts))]),
            weights=np.array([head.weights for head in heads], dtype=np.float32),
            bias=_column(head.bias for head in heads),
            temperature=_column(head.temperature for head in heads),
            log_tokens=_column(head.log_tokens for head in heads),
            start_s=_column(speed.start_s for speed in speeds),
            input_tokens_per_s=_column(speed.input_tokens_per_s for speed in speeds),
            output_tokens_per_s=_column(speed.output_tokens_per_s for speed in speeds),
            input_growth_s=_column(speed.input_growth_s for speed in speeds),
            output_growth_s=_column(speed.output_growth_s for speed in speeds),
            room=_column(e.context_tokens or np.inf for e in experts),
            input_usd=_column(price.input_usd_per_million for price in prices),
            output_usd=_column(price.output_usd_per_million for price in prices),
            usd_per_hour=_column(e.usd_per_hour for e in experts),
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
        now = self._now(states) if states else _Now()
        log_length = query.log_tokens + self.log_tokens + now.log_length
        written = np.minimum(np.exp(np.minimum(np.maximum(log_length, 0.0), 10.0)), max_tokens)
        latency = self._latency(np.minimum(self.room, input_tokens), written, now)
        price = (input_tokens * self.input_usd + written * self.output_usd) / 1e6
        # Row by row, so that an estimate does not depend on who else is on the panel.
        log_odds = self.bias + np.einsum("ij,j->i", self.weights, query.vector)
        return Candidates(
            self.traits,
            quality=sigmoid(log_odds / self.temperature),
            cost_usd=price + self.usd_per_hour * latency / 3600,
            latency_s=latency,
            output_tokens=written,
        )

    def _latency(self, read: Floats, written: Floats, now: _Now) -> Floats:
        """Seconds until each answer is complete: `Pace.latency` of `Speed`, in columns."""
        new = np.maximum(read - now.cached_tokens, 0.0)
        before = read - new / 2
        reading = new / self.input_tokens_per_s + self.input_growth_s * new * before
        growth = self.output_growth_s * written * (read + written / 2)
        rest = written / self.output_tokens_per_s + growth
        found: Floats = now.cold_s + now.first * (self.start_s + reading) + now.rest * rest
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


def _column(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)
