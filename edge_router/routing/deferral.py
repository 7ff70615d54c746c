"""A local answer that was begun and left for another expert, as a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Deferral"]


@dataclass(frozen=True, slots=True)
class Deferral:
    """A local answer that should not be gone on with.

    After `tokens` tokens it was good with `probability` (0..1); asking `to` then gains `gain` in
    expected quality over it, `min_gain` is what the rule asks for.
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
        return (
            f"after {self.tokens} tokens {self.expert}'s answer was good with a chance of "
            f"{self.probability:.0%}, so {self.to} was asked: expected gain {self.gain:+.0%}, "
            f"worth it from {self.min_gain:+.0%}"
        )
