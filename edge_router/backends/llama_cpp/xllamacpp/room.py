"""The room of a context that several answers share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge_router.errors import BackendUnavailable

__all__ = ["Room"]


@dataclass(slots=True, eq=False)
class Room:
    """`tokens` in all. First come, first served, so that a large answer gets its turn."""

    tokens: int
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _waiting: deque[object] = field(default_factory=deque)

    @contextmanager
    def of(self, tokens: int, wanted: Callable[[], bool]) -> Iterator[None]:
        """Take `tokens` for the block. Waits for them; raises BackendUnavailable once the answer is
        not `wanted` any more."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self.tokens < tokens:
                    if not wanted():
                        raise BackendUnavailable("the answer was cancelled")
                    self._changed.wait()
                self.tokens -= tokens
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.tokens += tokens
                self._changed.notify_all()

    def look_again(self) -> None:
        """Make those that wait ask whether their answers are still wanted."""
        with self._changed:
            self._changed.notify_all()
