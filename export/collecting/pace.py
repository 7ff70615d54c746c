"""The pace of requests to an expert that has a limit: at most so many in a minute."""

from __future__ import annotations

import math
import threading
import time

__all__ = ["Pace"]


class Pace:
    """Spaces requests evenly, at most `per_minute` of them; without a number none waits.

    Thread-safe. The first request waits too, so that a run that was killed and goes on at once
    keeps the pace.
    """

    def __init__(self, per_minute: float | None = None) -> None:
        self._interval_s = 60.0 / per_minute if per_minute else 0.0
        self._taken = time.monotonic() if per_minute else -math.inf
        self._lock = threading.Lock()

    def pause(self) -> float:
        """Seconds to wait before the next request, whose place is taken with this call."""
        with self._lock:
            now = time.monotonic()
            self._taken = max(now, self._taken + self._interval_s)
            return self._taken - now
