"""Stall watchdog: a stream that stops between two pieces is ended, whatever keeps it open."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion
from edge_router.chat.request import ChatRequest
from edge_router.errors import BackendError, BackendProtocolError, BackendUnavailable

__all__ = ["Watchdog"]


class Watchdog:
    """A backend that ends a stream of `inner`, called `name`, after `stall_s` seconds without a
    piece.

    It counts from the first piece on; the time until that is the deadline's to bound. Comments and
    pings, by which a server keeps a connection open, are no pieces. A stall raises
    BackendProtocolError, since the answer broke off, or BackendUnavailable where there were only
    thoughts. `complete` has no pieces and is not watched.
    """

    def __init__(self, inner: Backend, *, name: str, stall_s: float) -> None:
        self.inner = inner
        self._name = name
        self._stall_s = stall_s

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        return self.inner.complete(request, deadline=deadline)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        at = limit = deadline.at
        answered = False
        try:
            with closing(self.inner.stream(request, deadline=deadline)) as chunks:
                for chunk in chunks:
                    answered = answered or not chunk.is_thought
                    deadline.at = at  # the caller may take its time
                    yield chunk
                    deadline.at = limit = min(at, time.monotonic() + self._stall_s)
        except BackendError as error:
            if limit >= at or time.monotonic() < limit or deadline.cancelled:
                raise
            words = f"{self._name} stalled: no piece came for {self._stall_s:g} s"
            raise (BackendProtocolError if answered else BackendUnavailable)(words) from error
        finally:
            deadline.at = at

    def close(self) -> None:
        self.inner.close()
