"""A job for the worker of a loaded model: what is asked, and the queue of its pieces."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field

from edge_router.chat.completion import ChatChunk, ChatRequest
from edge_router.errors import BackendError

from ..deadline import Deadline

__all__ = ["Job", "Piece"]

Piece = ChatChunk | float | tuple[float, ...] | BackendError | None


@dataclass(slots=True, eq=False)
class Job:
    """One answer under way: chunks, then None for the end, or an error.

    With a `reference` the one piece is how unlikely that text is as the answer, in nats; with
    `names` it is the probability of each as the answer, if it must be one of them.
    """

    request: ChatRequest
    deadline: Deadline
    reference: str | None = None
    names: tuple[str, ...] = ()
    pieces: queue.SimpleQueue[Piece] = field(default_factory=queue.SimpleQueue)
    cancelled: bool = False
