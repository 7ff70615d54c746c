"""Dollars in words, with as many digits as it takes to see a cheap price."""

from __future__ import annotations

import math

__all__ = ["dollars"]

LEAST = 1e-9


def dollars(usd: float, *, digits: int = 2) -> str:
    """Cents, and beyond them as many decimals as `digits` significant ones need: "$0.0000025".

    Less than a billionth is nothing: a token costs more.
    """
    size = abs(usd) if abs(usd) >= LEAST else 0.0
    if not 0 < size < math.inf:
        return f"${size:.2f}" if usd >= 0 or size == 0 else f"-${size:.2f}"
    decimals = max(2, digits - 1 - math.floor(math.log10(size)))
    whole, _, rest = f"{size:,.{decimals}f}".partition(".")
    return f"{'-' if usd < 0 else ''}${whole}.{rest[:2]}{rest[2:].rstrip('0')}"
