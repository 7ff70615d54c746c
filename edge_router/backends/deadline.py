"""How long an answer and each of its requests may take, and how any thread ends them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from edge_router.errors import BackendUnavailable
from edge_router.guards.forking import ForkSafeLock

__all__ = ["Cancellation", "Deadline", "TimeLeft"]


class Cancellation:
    """A switch that ends a call, from any thread and for good."""

    __slots__ = ("_is_set", "_lock", "_wakers")

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._wakers: list[Callable[[], None]] = []
        self._is_set = False

    @property
    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        """End the call: every `wake` that waits for it is called, once."""
        with self._lock:
            self._is_set = True
            wakers, self._wakers = self._wakers, []
            for wake in wakers:
                wake()

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """While the block runs, `set` calls `wake`; at once if it is set already.

        `wake` must be quick and must not raise. It is never called after the block.
        """
        with self._lock:
            if self._is_set:
                wake()
            else:
                self._wakers.append(wake)
        try:
            yield
        finally:
            with self._lock, suppress(ValueError):
                self._wakers.remove(wake)


class Deadline:
    """A moment on the monotonic clock, in seconds, by which an answer must be complete.

    Until the first piece of the answer an earlier moment may hold, `first_token_at`, after which
    another expert steps in. `silence_s` is how long the expert may send nothing at all until then,
    or `throughout` the answer. `begin` notes the first piece. `cancel` makes the deadline now, from
    any thread: a backend that waits for something is woken through `waking`.
    """

    __slots__ = ("_cancellation", "_first_token_at", "_of", "_silence_s", "_throughout", "at")

    def __init__(
        self,
        at: float,
        *,
        first_token_at: float = math.inf,
        silence_s: float = math.inf,
        throughout: bool = False,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.at = at
        self._first_token_at = first_token_at
        self._silence_s = silence_s
        self._throughout = throughout
        self._cancellation = cancellation or Cancellation()
        self._of: Deadline | None = None  # the whole answer's, for one attempt

    def __repr__(self) -> str:
        return f"Deadline({self.remaining():.3f} s left)"

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def attempt(
        self,
        *,
        within_s: float = math.inf,
        first_token_s: float = math.inf,
        silence_s: float = math.inf,
        throughout: bool = False,
    ) -> Deadline:
        """The deadline of one expert's attempt, ended by whatever ends this one.

        `within_s` from now it must be complete, `first_token_s` from now its first piece be there.
        """
        now = time.monotonic()
        attempt = Deadline(
            min(self.at, now + within_s),
            first_token_at=now + first_token_s,
            silence_s=silence_s,
            throughout=throughout,
            cancellation=self._cancellation,
        )
        attempt._of = self
        return attempt

    def excuse(self, seconds: float) -> None:
        """Leave out the seconds that a person took to think, of an attempt and the whole answer."""
        self.at += seconds
        self._first_token_at += seconds
        if self._of is not None:
            self._of.excuse(seconds)

    def begin(self) -> None:
        """Note the first piece of the answer: the wait for it is over."""
        self._first_token_at = math.inf
        if not self._throughout:
            self._silence_s = math.inf

    def remaining(self) -> float:
        """Seconds left, never below 0; 0 once it is cancelled."""
        if self._cancellation.is_set:
            return 0.0
        return max(0.0, min(self.at, self._first_token_at) - time.monotonic())

    @property
    def silence_s(self) -> float:
        """Seconds that the expert may send nothing at all; infinite for no limit."""
        return self._silence_s

    @property
    def cancelled(self) -> bool:
        return self._cancellation.is_set

    def cancel(self) -> None:
        """End the call now."""
        self._cancellation.set()

    def waking(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """See `Cancellation.waking`."""
        return self._cancellation.waking(wake)

    def check(self, who: str) -> None:
        """Raise BackendUnavailable once the deadline has passed."""
        if self.cancelled:
            raise BackendUnavailable(f"{who} was cancelled")
        if self.remaining() <= 0:
            raise BackendUnavailable(f"{who} ran out of time")


class TimeLeft:
    """The time that a request has left: never past its deadline, and less while a limit holds.

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

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Allow `seconds` for the block, but no more than an earlier limit."""
        until = self._until
        self._until = min(until, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._until = until

    def moved(self) -> None:
        """Note that bytes went through, or that the caller was busy: the silence starts anew."""
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
