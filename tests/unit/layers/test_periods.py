"""Hours, days and months in UTC."""

from __future__ import annotations

import calendar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.layers.periods import PERIODS, as_text, end_of, start_of


def at(*moment: int) -> float:
    return float(calendar.timegm((*moment, 0, 0, 0)[:6]))


def test_periods_are_those_of_the_calendar() -> None:
    """February of a leap year, and the end of a year."""
    assert start_of("month", at(2028, 2, 29, 13)) == at(2028, 2, 1, 0)
    assert end_of("month", at(2028, 2, 29, 13)) == at(2028, 3, 1, 0)
    assert end_of("month", at(2026, 12, 31, 23)) == at(2027, 1, 1, 0)
    assert end_of("day", at(2026, 12, 31, 23)) == end_of("hour", at(2026, 12, 31, 23))
    assert as_text(at(2026, 12, 31, 23)) == "2026-12-31 23:00 UTC"


@pytest.mark.parametrize("period", PERIODS)
@settings(max_examples=30)
@given(moment=st.floats(-1e20, 1e20))
def test_every_moment_lies_in_one_period(period: str, moment: float) -> None:
    """Also that of a clock which is far off."""
    start, end = start_of(period, moment), end_of(period, moment)  # type: ignore[arg-type]
    assert start < end
    if 0 <= moment < 2**36:
        assert start <= moment < end
        assert start_of(period, end) == end  # type: ignore[arg-type]
