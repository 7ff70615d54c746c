"""Periods of a budget: the hours, days and months of the calendar in UTC."""

from __future__ import annotations

import calendar
import time
from typing import Literal, get_args

__all__ = ["PERIODS", "Period", "as_text", "end_of", "start_of"]

Period = Literal["hour", "day", "month"]
PERIODS = get_args(Period)
LENGTH_S = {"hour": 3600, "day": 86_400}
LAST = 2**37  # about the year 6300; a clock beyond it is taken to stand there


def start_of(period: Period, at: float) -> int:
    """When the period that `at` lies in began; both in seconds since 1970."""
    at = _known(at)
    if period == "month":
        year, month = time.gmtime(at)[:2]
        return calendar.timegm((year, month, 1, 0, 0, 0))
    return int(at // LENGTH_S[period]) * LENGTH_S[period]


def end_of(period: Period, at: float) -> int:
    """When the period that `at` lies in ends, and the next one begins."""
    start = start_of(period, at)
    if period == "month":
        year, month = time.gmtime(start)[:2]
        return calendar.timegm((year + month // 12, month % 12 + 1, 1, 0, 0, 0))
    return start + LENGTH_S[period]


def as_text(at: float) -> str:
    """A moment for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(_known(at)))


def _known(at: float) -> float:
    """A moment that every calendar has."""
    return min(max(at, 0.0), float(LAST))
