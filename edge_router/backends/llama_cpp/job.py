"""A job for the worker of a loaded model, with the queue of its pieces, and what a model does."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from edge_router.chat.completion import ChatChunk, ChatRequest
from edge_router.errors import BackendError

from ..deadline import Deadline

__all__ = ["Job", "LoadedModel", "Piece", "pieces_of"]

Piece = ChatChunk | float | tuple[float, ...] | BackendError | None


@dataclass(slots=True, eq=False)
class Job:
    """One answer under way: chunks, then None for the end, or an error.

    With a `reference` the one piece is how unlikely that text is as the answer, in nats; with
    `names` it is the probability of each as the answer, if it must be one of them. One that
    `only_loads` the model has none.
    """

    request: ChatRequest
    deadline: Deadline
    reference: str | None = None
    names: tuple[str, ...] = ()
    only_loads: bool = False
    pieces: queue.SimpleQueue[Piece] = field(default_factory=queue.SimpleQueue)
    cancelled: bool = False

    def wanted(self) -> bool:
        """Whether its caller still waits."""
        return not self.cancelled


class LoadedModel(Protocol):
    """A model in memory. The worker's threads call it with one job each, at most `at_once` at a
    time; `count` and `abort` may be called from any thread."""

    def answer(self, job: Job) -> Iterator[ChatChunk]:
        """The answer to a job's request, until the job is cancelled."""
        ...

    def score(self, job: Job) -> Iterator[float]:
        """Mean -log P of the reference's tokens in nats; nothing if it cannot be said."""
        ...

    def choose(self, job: Job) -> Iterator[tuple[float, ...]]:
        """P(name | request) of each of the job's names, and of nothing else."""
        ...

    def count(self, text: str) -> int | None:
        """Tokens of a text, None if they cannot be counted now."""
        ...

    def abort(self) -> None:
        """End what is being computed for a job that was cancelled."""
        ...

    def resume(self) -> None:
        """Compute again: called before each job."""
        ...

    def is_lost(self) -> bool:
        """Whether it is gone, as one in another process can be."""
        ...

    def close(self) -> None:
        """Release the memory. No job runs any more."""
        ...


def pieces_of(model: LoadedModel, job: Job) -> Iterator[Piece]:
    """What a job asks of its model."""
    if job.only_loads:
        return iter(())
    if job.names:
        return model.choose(job)
    return model.answer(job) if job.reference is None else model.score(job)
