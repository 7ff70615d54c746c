"""Deferral: a local answer that was started and abandoned for another expert, as a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Deferral"]


@dataclass(frozen=True, slots=True)
class Deferral:
    """A local answer to abandon in favour of another expert.

    After `tokens` tokens the answer was good with `probability` (0..1). Asking `to` instead gains
    `gain` in expected quality; the rule asks for `min_gain` at least.
    """

    expert: str
    to: str
    tokens: int
    probability: float
    gain: float
    min_gain: float

    @property
    def words(self) -> str:
        """What happened, in one clause."""
        worth = f", worth it from {self.min_gain:+.0%}" if self.gain >= self.min_gain else ""
        return (
            f"after {self.tokens} tokens {self.expert}'s answer was good with a chance of "
            f"{self.probability:.0%}, so {self.to} was asked: expected gain {self.gain:+.0%}{worth}"
        )
