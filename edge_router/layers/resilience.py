"""Resilience of a remote expert: a breaker around retries (around a watchdog, where one is set).

An expert that is unavailable is asked again after a short wait with jitter; one that keeps failing
is not asked for a while, then by one probe. An expert that answers passes through all of it.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion
from edge_router.chat.request import ChatRequest
from edge_router.errors import BackendError, BackendRejected, BackendUnavailable, ContextExceeded
from edge_router.guards.forking import ForkSafeLock, renew_after_fork
from edge_router.settings.expert_config import ExpertConfig

from .watchdog import Watchdog

__all__ = ["RETRIES", "Breaker", "Circuit", "Retrying", "resilient"]

log = logging.getLogger("edge_router")

RETRIES = 2
FIRST_WAIT_S = 0.5  # the mean wait before the first retry is half of it
LONGEST_WAIT_S = 8.0
FAILURES_IN_A_ROW = 5
LEAST_CALLS, FAILED_SHARE, WINDOW_S = 10, 0.5, 30.0
OPEN_S = 10.0  # before the first probe
LONGEST_OPEN_S = 60.0  # of the waits after probes that failed, each twice the one before


def resilient(backend: Backend, expert: ExpertConfig, *, name: str) -> Backend:
    """`backend` with the layers that the settings of the `expert` called `name` ask for; one on
    this device fails for good reasons, and is given as it is."""
    if expert.backend != "openai" or not expert.leaves_device:
        return backend
    if expert.stall_timeout_s is not None:
        backend = Watchdog(backend, name=name, stall_s=expert.stall_timeout_s)
    retries = RETRIES if expert.retries is None else expert.retries
    if retries:
        backend = Retrying(backend, retries=retries)
    return Breaker(backend, name=name)


class Retrying:
    """A backend that asks `inner` up to `retries` times more, while it is unavailable.

    That is what another request may find otherwise: no connection, 408, 429, 5xx; a refusal (400,
    401, 403, 404, 422), a request that exceeds the context, or a broken reply is raised at once,
    and so is any failure after the first piece, a thought included. Waits are random in 0..w, where
    w doubles from FIRST_WAIT_S to LONGEST_WAIT_S ("full jitter": Brooker, Exponential Backoff And
    Jitter, AWS 2015), or what the server asks for in Retry-After. There is no retry that would
    begin beyond the deadline, or beyond the silence that the deadline allows while another expert
    could step in.
    """

    def __init__(
        self, inner: Backend, *, retries: int = 2, draw: Callable[[], float] = random.random
    ) -> None:
        self.inner = inner
        self._retries = retries
        self._draw = draw
        self._closed = False

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        started = time.monotonic()
        for retry in range(self._retries):
            try:
                return self.inner.complete(request, deadline=deadline)
            except BackendUnavailable as error:
                self._wait_or_raise(error, retry, deadline, started)
        return self.inner.complete(request, deadline=deadline)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        started, begun = time.monotonic(), False
        for retry in range(self._retries + 1):
            try:
                with closing(self.inner.stream(request, deadline=deadline)) as chunks:
                    for chunk in chunks:
                        begun = True
                        yield chunk
                return
            except BackendUnavailable as error:
                if begun or retry == self._retries:
                    raise
                self._wait_or_raise(error, retry, deadline, started)

    def close(self) -> None:
        self._closed = True
        self.inner.close()

    def _wait_or_raise(
        self, error: BackendUnavailable, retry: int, deadline: Deadline, started: float
    ) -> None:
        """Wait before the next try; raises `error` where there is no time for one."""
        if isinstance(error, ContextExceeded):
            raise error
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = self._draw() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**retry)
        silent_s = time.monotonic() - started + wait_s
        if self._closed or wait_s >= deadline.remaining() or silent_s >= deadline.silence_s:
            raise error
        log.info("%s; it is asked again in %.1f s", error, wait_s)
        ended = threading.Event()
        with deadline.waking(ended.set):
            ended.wait(wait_s)
        if self._closed or deadline.cancelled:
            raise error


class Breaker:
    """A backend that asks `inner`, called `name`, only while its `circuit` lets it.

    A call fails if `inner` is unavailable or its reply is broken before its first piece. A refusal
    is an answer of a server that is well.
    """

    def __init__(self, inner: Backend, *, name: str, circuit: Circuit | None = None) -> None:
        self.inner = inner
        self.circuit = circuit or Circuit()
        self._name = name

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        with self._watched(deadline) as answered:
            completion = self.inner.complete(request, deadline=deadline)
            answered()
        return completion

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        with (
            self._watched(deadline) as answered,
            closing(self.inner.stream(request, deadline=deadline)) as chunks,
        ):
            for chunk in chunks:
                answered()
                yield chunk

    def close(self) -> None:
        self.inner.close()

    @contextmanager
    def _watched(self, deadline: Deadline) -> Iterator[Callable[[], None]]:
        """Let one call pass and note its outcome, which is known once `answered` is called.

        Raises BackendUnavailable where none may pass.
        """
        wait_s, probe = self.circuit.enter()
        if wait_s > 0:
            raise BackendUnavailable(
                f"{self._name} failed too often and is not asked for {wait_s:.0f} s more",
                retry_after_s=wait_s,
            )
        known = False

        def answered() -> None:
            nonlocal known
            if not known:
                known = True
                self.circuit.succeeded()

        try:
            yield answered
        except BackendError as error:
            if isinstance(error, (BackendRejected, ContextExceeded)):
                answered()
            elif not known and not deadline.cancelled:
                known = True
                self.circuit.failed(probe=probe)
            raise
        finally:
            if not known:
                self.circuit.left(probe=probe)


class Circuit:
    """What is known of one expert's health; one for all who ask it. Thread-safe.

    Closed, every call passes. After FAILURES_IN_A_ROW failures, or when FAILED_SHARE of at least
    LEAST_CALLS calls in WINDOW_S seconds failed, it is open and none passes. After OPEN_S seconds
    it is half open: one call passes as a probe; its success closes the circuit, its failure opens
    it for twice as long. The states are those of Nygard, Release It! (2nd ed. 2018, chapter 5).
    `clock` gives seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._outcomes: deque[tuple[float, bool]] = deque()  # time, and whether it failed
        self._in_a_row = 0
        self._open_until = -math.inf
        self._open_s = 0.0  # 0 while it is closed
        self._probing = False
        renew_after_fork(self)

    def after_fork(self) -> None:
        """A probe under way is the parent's."""
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether a call would not pass now."""
        with self._lock:
            return self._wait_s() > 0

    def enter(self) -> tuple[float, bool]:
        """Let a call pass: the seconds until one may pass again, 0 for this one, and whether it is
        the probe."""
        with self._lock:
            wait_s = self._wait_s()
            probe = wait_s == 0 and self._open_s > 0
            self._probing = self._probing or probe
            return wait_s, probe

    def _wait_s(self) -> float:
        if not self._open_s:
            return 0.0
        left = self._open_until - self._clock()
        return max(left, OPEN_S if self._probing else 0.0)

    def succeeded(self) -> None:
        """Note that a call was answered, the probe or an earlier one."""
        with self._lock:
            self._in_a_row, self._probing = 0, False
            if self._open_s:
                self._open_s = 0.0
                self._outcomes.clear()
            self._note(failed=False)

    def failed(self, *, probe: bool = False) -> None:
        """Note that a call was not answered."""
        with self._lock:
            self._in_a_row += 1
            self._note(failed=True)
            if probe:
                self._probing = False
                self._open(min(LONGEST_OPEN_S, 2 * self._open_s))
            elif not self._open_s and self._is_ill():
                self._open(OPEN_S)

    def left(self, *, probe: bool = False) -> None:
        """Note that the caller ended a call before its outcome was known."""
        with self._lock:
            self._probing = self._probing and not probe

    def _note(self, *, failed: bool) -> None:
        now = self._clock()
        self._outcomes.append((now, failed))
        while self._outcomes[0][0] < now - WINDOW_S:
            self._outcomes.popleft()

    def _is_ill(self) -> bool:
        failures = sum(failed for _, failed in self._outcomes)
        calls = len(self._outcomes)
        share = calls >= LEAST_CALLS and failures >= FAILED_SHARE * calls
        return share or self._in_a_row >= FAILURES_IN_A_ROW

    def _open(self, seconds: float) -> None:
        self._open_s = seconds
        self._open_until = self._clock() + seconds
