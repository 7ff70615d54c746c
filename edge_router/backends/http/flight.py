"""One request on its way: the time it may still take, and how another thread ends it."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar

from ..deadline import Deadline

__all__ = ["Budget", "Flight", "flying", "in_the_air"]

_LONGEST_S = 86_400.0  # longer than any answer, short enough for every platform's poll


class Budget:
    """The time a request may still take: never past its deadline, and less while a limit holds.

    `stall_s` is how long it may hear nothing at all; the deadline's own `silence_s` counts as
    well. For one request in one thread.
    """

    __slots__ = ("_deadline", "_quiet_since", "_stall_s", "_until")

    def __init__(self, deadline: Deadline, *, stall_s: float = math.inf) -> None:
        self._deadline = deadline
        self._stall_s = stall_s
        self._until = math.inf
        self._quiet_since = time.monotonic()

    def limit(self, seconds: float) -> None:
        """From now on, allow `seconds`; replaces an earlier limit."""
        self._until = time.monotonic() + seconds

    def lift(self) -> None:
        """Drop the limit; the deadline stays."""
        self._until = math.inf

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Allow `seconds` for the block, but no more than the limit that holds already."""
        until = self._until
        self._until = min(until, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._until = until

    def moved(self) -> None:
        """Bytes went through, or the caller took its time: the silence starts anew."""
        self._quiet_since = time.monotonic()

    @property
    def is_limited(self) -> bool:
        """Whether the limit ends before the deadline does."""
        return self._until - time.monotonic() < self._deadline.remaining()

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, min(self._deadline.remaining(), self._until - time.monotonic()))

    def patience(self) -> float:
        """Seconds that the next byte may take, never below 0."""
        silence_s = min(self._stall_s, self._deadline.silence_s)
        return max(0.0, min(self.remaining(), self._quiet_since + silence_s - time.monotonic()))

    def waking(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """See `Deadline.waking`."""
        return self._deadline.waking(wake)


class Flight:
    """One request in its thread. `interrupt` ends it from any other, wherever it waits.

    `heard`: a byte of the reply has come. `foreign`: this is a forked child, and the request is
    its parent's.
    """

    __slots__ = ("_interrupted", "_process", "_wake", "budget", "heard")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.heard = False
        self._interrupted = False
        self._process = os.getpid()
        self._wake: Callable[[], None] | None = None

    @property
    def interrupted(self) -> bool:
        return self._interrupted

    @property
    def foreign(self) -> bool:
        return self._process != os.getpid()

    def interrupt(self) -> None:
        """End the request: what it waits at now is woken, and nothing more is waited for."""
        self._interrupted = True
        if self._wake is not None:
            self._wake()

    def wait(self, wake: Callable[[], None], timeout: float | None = None) -> float:
        """Seconds that the next wait may take; `wake` ends it early.

        Raises TimeoutError when none are left, and as `check` does.
        """
        self._wake = wake  # before the check: an interruption after that finds it
        self.check()
        left = min(self.budget.patience(), _LONGEST_S if timeout is None else timeout, _LONGEST_S)
        if left <= 0:
            raise TimeoutError("no time is left")
        return left

    def check(self) -> None:
        """Raise ConnectionAbortedError where it was ended, or belongs to another process."""
        if self._interrupted:
            raise ConnectionAbortedError("the request was ended on this side")
        if self.foreign:
            raise ConnectionAbortedError("the connection belongs to the process that was forked")


# httpcore hands a network stream nothing but a timeout that it fixed when the request began. The
# stream therefore asks this variable, which is set around every call into httpcore.
_flight: ContextVar[Flight] = ContextVar("edge_router_flight")


@contextlib.contextmanager
def flying(flight: Flight) -> Iterator[None]:
    """While the block runs, `in_the_air` gives this flight."""
    token = _flight.set(flight)
    try:
        yield
    finally:
        _flight.reset(token)


def in_the_air() -> Flight:
    """The flight of the current request."""
    return _flight.get()
