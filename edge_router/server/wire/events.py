"""Server-sent events: one JSON value an event, in ASCII, so that any text survives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from edge_router.chat.completion import ChatChunk

from .errors import Refused
from .outcome import Outcome

__all__ = ["DONE", "Events", "event", "json_bytes"]

DONE = b"data: [DONE]\n\n"


class Events(Protocol):
    """What becomes of an answer's pieces in one of OpenAI's protocols. It does no I/O."""

    def begin(self) -> Iterable[bytes]:
        """What comes before the first piece."""
        ...

    def take(self, chunk: ChatChunk) -> Iterable[bytes]:
        """The events of one piece."""
        ...

    def end(self, outcome: Outcome) -> Iterable[bytes]:
        """What comes after the last piece of an answer that is complete."""
        ...

    def fail(self, refused: Refused) -> Iterable[bytes]:
        """What ends an answer that broke off."""
        ...


def json_bytes(value: Any) -> bytes:
    """JSON in ASCII. Raises ValueError for a number that is not finite."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def event(value: Any, name: str | None = None) -> bytes:
    """One event, with a `name` where the protocol names them."""
    head = b"" if name is None else f"event: {name}\n".encode("ascii")
    return b"%bdata: %b\n\n" % (head, json_bytes(value))
