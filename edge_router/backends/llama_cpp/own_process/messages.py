"""Messages between a program and the process of its model, and their bytes on a pipe.

They are pickled: both ends are this package, started by this user, and nobody else can write to
the pipes between them.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_router.chat.completion import ChatRequest
from edge_router.errors import EdgeRouterError

from ..engine import ModelSettings
from ..job import Piece

__all__ = [
    "Begin", "Cancel", "Count", "Counted", "Ended", "Frames", "Gave", "Load", "Logged", "Message",
    "Reply", "frame",
]  # fmt: skip

LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Load:
    """Load the model, and log from `log_level` on; answered by Ended, as is Begin."""

    number: int
    settings: ModelSettings
    log_level: int


@dataclass(frozen=True, slots=True)
class Begin:
    """A job, whose pieces are to come under this number."""

    number: int
    request: ChatRequest
    reference: str | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this job any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Count:
    """Count the tokens of a text; answered by Counted."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Gave:
    """A piece of a job."""

    number: int
    piece: Piece


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a job or of loading, with its error."""

    number: int
    error: EdgeRouterError | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """The tokens of a text, None if they cannot be counted now."""

    number: int
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A line for the program's log."""

    logger: str
    level: int
    text: str


Message = Load | Begin | Cancel | Count
Reply = Gave | Ended | Counted | Logged


def frame(message: Message | Reply) -> bytes:
    """The bytes of a message: its length, then itself."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)) + content


@dataclass(slots=True, eq=False)
class Frames:
    """Cuts what comes out of a pipe into messages."""

    _rest: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> Iterator[Any]:
        """The messages or replies that `data` completes."""
        self._rest += data
        while len(self._rest) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._rest)[0]
            if len(self._rest) < end:
                return
            content = bytes(memoryview(self._rest)[LENGTH.size : end])
            del self._rest[:end]
            yield pickle.loads(content)  # noqa: S301 - our own process wrote it
