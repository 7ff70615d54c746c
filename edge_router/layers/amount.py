"""Amount: what one answer may take at its most, in dollars and in tokens."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Amount"]


@dataclass(frozen=True, slots=True)
class Amount:
    """The worst case of one answer: dollars, tokens read and written, and the longest answer."""

    usd: float
    tokens: int
    max_tokens: int
