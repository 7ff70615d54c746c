"""The seam to whoever answers: two verbs, a deadline, and nothing else."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..chat import ChatChunk, ChatCompletion, ChatRequest
from ..errors import BackendUnavailable

__all__ = ["Backend", "Deadline", "Loadable", "is_loopback"]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds, by which an answer must be complete."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at - time.monotonic())

    def check(self, who: str) -> None:
        """Raise BackendUnavailable once the deadline has passed."""
        if self.remaining() <= 0:
            raise BackendUnavailable(f"{who} ran out of time")


class Backend(Protocol):
    """An expert that can answer. Safe to call from several threads.

    Both verbs raise only the BackendError family (and MissingExtra). Closing what `stream`
    returned cancels the answer. The last chunk, and only it, has a finish reason.
    """

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        """The whole answer."""
        ...

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in pieces, the first as soon as it is known."""
        ...

    def close(self) -> None:
        """Give back sockets, threads and memory; may be called twice."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """A backend that loads a model into this process for its first answer."""

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        ...

    @property
    def model_bytes(self) -> int:
        """Size of the model's weights: the least memory it needs."""
        ...


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, without a port) is this very machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
