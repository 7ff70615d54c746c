"""What one server takes on at once: sizes, times, and how many answers run and wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from edge_router.guards.checks import amount, settle, whole

from .wire.errors import Refused

__all__ = ["Admission", "BodyBudget", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server; times in seconds, sizes in bytes.

    At most `answers` run at once and `queue` wait, each `queue_s` at most; more are refused with
    429. A request's head and body must arrive within `head_s` and `body_s`, and a client must take
    each piece of an answer within `write_s`. All bodies that are being read have `bodies_bytes`
    together. `max_tokens` is an answer's length where the client states none.
    """

    answers: int = 32
    queue: int = 64
    queue_s: float = 20.0
    body_bytes: int = 16 << 20
    bodies_bytes: int = 64 << 20
    head_bytes: int = 32 << 10
    head_s: float = 10.0
    body_s: float = 30.0
    write_s: float = 30.0
    keep_alive_s: float = 30.0
    connections: int = 512
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        """Raises ConfigError for a limit that is no number, or out of range."""
        settle(self, CHECKS, "the server's limits")


CHECKS = {
    "answers": whole(1, 4_096),
    "queue": whole(0, 65_536),
    "body_bytes": whole(1, 1 << 32),
    "bodies_bytes": whole(1, 1 << 36),
    "head_bytes": whole(1_024, 1 << 20),
    "connections": whole(1, 65_536),
    "max_tokens": whole(1, 2**31 - 1),
} | dict.fromkeys(("queue_s", "head_s", "body_s", "write_s", "keep_alive_s"), amount)


class Admission:
    """Lets in so many answers at once, the others in the order in which they came. For one event
    loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.answers)
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one answer. Raises Refused (429) where none becomes free in time."""
        await self._enter()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._places.release()

    async def _enter(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        if self.waiting >= self._limits.queue:
            raise _busy(f"{self.running} answers run and {self.waiting} requests wait")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._limits.queue_s):
                await self._places.acquire()
        except TimeoutError:
            raise _busy(f"no place became free within {self._limits.queue_s:g} s") from None
        finally:
            self.waiting -= 1


def _busy(why: str) -> Refused:
    """The refusal of a server that has enough to do; clients try again after a second."""
    return Refused(
        429, f"the server is busy: {why}", code="server_busy", kind="rate_limit_error",
        headers={"retry-after": "1"},
    )  # fmt: skip


class BodyBudget:
    """The bytes of all bodies that are being read at this moment, so that many large ones at once
    cannot fill the memory."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Raise Refused (429) where there is no room for `size` bytes more."""
        if size > self._left:
            raise _busy("too many large requests are being read")
        self._left -= size

    def give_back(self, size: int) -> None:
        """Free what was taken."""
        self._left += size
