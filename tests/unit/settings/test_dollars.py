"""Dollars in words: cheap ones keep digits, dear ones keep cents."""

from __future__ import annotations

import pytest

from edge_router.settings.dollars import dollars


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (0.0, "$0.00"), (-0.0, "$0.00"), (1234.5, "$1,234.50"), (5, "$5.00"), (0.1, "$0.10"),
        (0.0425, "$0.043"), (0.05, "$0.05"), (-0.0042, "-$0.0042"), (-3.0, "-$3.00"),
        (2.5e-6, "$0.0000025"), (1e-7, "$0.0000001"), (-2e-12, "$0.00"), (9.96e-5, "$0.0001"),
        (float("inf"), "$inf"), (-float("inf"), "-$inf"),
    ],
)  # fmt: skip
def test_no_price_but_zero_looks_like_zero(usd: float, words: str) -> None:
    """Two significant digits at least, and no exponent."""
    assert dollars(usd) == words


@pytest.mark.parametrize(
    ("usd", "words"), [(0.125, "$0.125"), (15, "$15.00"), (1.23456, "$1.23456")]
)
def test_a_stated_price_keeps_its_digits(usd: float, words: str) -> None:
    """As many as are asked for."""
    assert dollars(usd, digits=6) == words
