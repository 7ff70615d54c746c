"""Retries: ask an expert again when it failed before its first piece, after a wait with jitter."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion
from edge_router.chat.request import ChatRequest
from edge_router.errors import BackendUnavailable, ContextExceeded

__all__ = ["Retrying"]

log = logging.getLogger("edge_router")

FIRST_WAIT_S = 0.5  # the mean wait before the first retry is half of it
LONGEST_WAIT_S = 8.0


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
