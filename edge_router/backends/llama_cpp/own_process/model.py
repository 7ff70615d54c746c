"""A model in a process of its own, which the worker uses as one in this process."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from edge_router.chat.completion import ChatChunk
from edge_router.errors import BackendUnavailable

from ..engine import ModelSettings
from ..gguf_trial import DEADLY, patience_s
from ..job import Job, Piece
from .messages import Begin, Cancel, Count, Counted, Ended, Gave, Load, Reply
from .process import IN_THIS_PROCESS, Inbox, ModelProcess

__all__ = ["OwnProcessModel", "load_model"]

LOOK_S = 0.05  # between two checks whether to go on loading
COUNT_S = 0.25  # a decision waits for a number of tokens, and can do without
SILENT_S = 2.0  # without counting, after a count that took longer
PATIENCE_S = 30.0  # with a cancelled job: a slow board may read some tokens for so long

log = logging.getLogger("edge_router.llama_cpp")


def load_model(
    settings: ModelSettings, n_ctx: int, going_on: Callable[[], bool]
) -> OwnProcessModel:
    """The model in a new process, with a context of at most `n_ctx` tokens.

    Raises BackendUnavailable if it does not load, ends the process, or is not `going_on()`.
    """
    name = settings.path.name
    free = partial(_given, settings.free_memory())  # as it is before: a process cannot ask
    sent = replace(settings, n_ctx=n_ctx, own_process=False, free_memory=free)
    process = ModelProcess(name)
    until = time.monotonic() + patience_s(settings.path)
    try:
        with process.inbox() as inbox:
            process.send(Load(inbox.number, sent, log.getEffectiveLevel()))
            while (reply := _next(inbox, LOOK_S)) is None:
                if not going_on():
                    raise BackendUnavailable(f"{name} is closed")
                if time.monotonic() > until:
                    raise BackendUnavailable(f"{name} does not load in reasonable time")
        if process.how_it_ended is not None:
            how = process.how_it_ended
            fix = "take another file of this model" if how in DEADLY else IN_THIS_PROCESS
            raise BackendUnavailable(
                f"{name} cannot be loaded: the process for it ended with {how}; {fix}"
            )
        if isinstance(reply, Ended) and reply.error is not None:
            raise reply.error
    except BaseException:
        process.kill()
        raise
    process.remove_scratch()
    return OwnProcessModel(process)


def _given(free: float | None) -> float | None:
    """Memory that was looked up before."""
    return free


def _next(inbox: Inbox, timeout: float) -> Reply | None:
    """The next reply, None for none by then."""
    try:
        return inbox.replies.get(timeout=timeout)
    except queue.Empty:
        return None


@dataclass(slots=True, eq=False)
class OwnProcessModel:
    """Forwards jobs and yields their pieces. The process ends a cancelled job as a worker does; one
    that does not in PATIENCE_S is killed."""

    process: ModelProcess
    _silent_until: float = 0.0
    _running: dict[Job, int] = field(default_factory=dict)
    # a signal handler may take it again
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, job: Job) -> Iterator[ChatChunk]:
        return cast("Iterator[ChatChunk]", self._pieces(job))

    def score(self, job: Job) -> Iterator[float]:
        return cast("Iterator[float]", self._pieces(job))

    def choose(self, job: Job) -> Iterator[tuple[float, ...]]:
        return cast("Iterator[tuple[float, ...]]", self._pieces(job))

    def count(self, text: str) -> int | None:
        if self.is_lost() or time.monotonic() < self._silent_until:
            return None
        with self.process.inbox() as inbox:
            self.process.send(Count(inbox.number, text))
            reply = _next(inbox, COUNT_S)
        if reply is None:  # so that the other texts of a conversation do not wait as well
            self._silent_until = time.monotonic() + SILENT_S
        return reply.tokens if isinstance(reply, Counted) else None

    def abort(self) -> None:
        with self._lock:
            for job, number in self._running.items():
                if job.cancelled:
                    self.process.send(Cancel(number))

    def resume(self) -> None:
        """The process does so before each job."""

    def is_lost(self) -> bool:
        return self.process.how_it_ended is not None

    def close(self) -> None:
        self.process.kill()

    def _pieces(self, job: Job) -> Iterator[Piece]:
        with self.process.inbox() as inbox:
            begin = Begin(inbox.number, job.request, job.reference, job.names)
            with self._lock:  # so that no Cancel comes before it
                if job.cancelled:
                    return
                self._running[job] = inbox.number
                self.process.send(begin)
            try:
                while isinstance(reply := self._reply(inbox, job), Gave):
                    yield reply.piece
                if isinstance(reply, Ended) and reply.error is not None:
                    raise reply.error
            finally:
                with self._lock:
                    del self._running[job]

    def _reply(self, inbox: Inbox, job: Job) -> Reply:
        """The next one; a process that goes on with a cancelled job for too long is killed."""
        ends = None
        while (reply := _next(inbox, 1.0)) is None:
            if not job.cancelled:
                continue
            ends = ends or time.monotonic() + PATIENCE_S
            if time.monotonic() > ends:
                log.warning("%s does not stop, and its process is ended", self.process.name)
                self.process.kill()
        return reply
