"""A GGUF model run by llama.cpp, in this process or one of its own: a worker and a queue per model.

Only the worker's threads compute with the model, or ask the process that does. Callers put a job in
its queue and read pieces from the job's own queue, with a timeout that is the deadline.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import cast

from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, Message
from edge_router.errors import (
    BackendError,
    BackendRejected,
    BackendUnavailable,
    ConfigError,
)
from edge_router.guards.forking import renew_after_fork

from ..deadline import Deadline
from .engine import EngineName, ModelSettings, engine_for
from .gguf_trial import can_try
from .model_files import default_threads, find_model, is_bundled
from .worker import CLOSE_S, Job, Worker

__all__ = ["LlamaCppBackend"]


DEFAULT_SYSTEM = "You are a helpful assistant."

log = logging.getLogger("edge_router.llama_cpp")


class LlamaCppBackend:
    """An expert inside this process.

    `n_ctx` is the context length in tokens, at most what the model was trained for; `n_threads`
    defaults to what suits the machine, and is cut to its CPUs. `system` is the system message of a
    conversation that brings none, "" or None for none; `repeat_penalty` above 1 keeps a very small
    model from going round in circles. With `confidence` every chunk after the first holds the
    model's confidence, before that penalty and before any temperature. `free_memory` reads the
    bytes that are free now, None for unknown: a context that takes more is refused.
    `engine` is what runs it, by default llama-cpp-python if it is installed, else xllamacpp.
    A model that is idle for `keep_alive_s` gives its memory back, and is loaded again for the next
    answer. With `own_process` it runs in a process of its own, at a lower priority: loading and
    answering hold up no thread here, a crash of llama.cpp is an error of the answers under way, and
    unloading gives back all memory. Raises ConfigError or MissingExtra at once when the model file
    or the engine is not there, or `sys.executable` is no Python; the model itself is loaded for the
    first answer. Thread-safe: answers queue up. A forked child loads its own.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        n_ctx: int = 2048,
        n_threads: int | None = None,
        system: str | None = DEFAULT_SYSTEM,
        repeat_penalty: float = 1.1,
        confidence: bool = False,
        engine: EngineName | None = None,
        keep_alive_s: float = math.inf,
        own_process: bool = False,
        free_memory: Callable[[], float | None] = lambda: None,
    ) -> None:
        for key, value in (("n_ctx", n_ctx), ("n_threads", 1 if n_threads is None else n_threads)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{key} is {value!r}; it must be a whole number, 1 or more")
        if own_process and not can_try():
            raise ConfigError(
                f"own_process needs a Python that can be started, and {sys.executable!r} is none; "
                "leave it out"
            )
        self.path = find_model(model)
        self._model_bytes = self.path.stat().st_size
        settings = ModelSettings(
            engine=engine_for(engine),
            path=self.path,
            n_ctx=n_ctx,
            n_threads=self._threads(n_threads),
            system=system,
            repeat_penalty=repeat_penalty,
            confidence=confidence,
            is_known=is_bundled(self.path),
            free_memory=free_memory,
            keep_alive_s=keep_alive_s,
            own_process=own_process,
        )
        self._use(Worker(settings))
        renew_after_fork(self)

    def _threads(self, stated: int | None) -> int:
        """At most as many as CPUs: with thousands llama.cpp ends the whole process."""
        most = os.cpu_count() or 1
        if stated is not None and stated > most:
            log.warning("%s: n_threads = %d is cut to the %d CPUs", self.path.name, stated, most)
        return default_threads() if stated is None else min(stated, most)

    def _use(self, worker: Worker) -> None:
        self._worker = worker
        self._finalizer = weakref.finalize(self, worker.stop)
        self._finalizer.atexit = False  # the worker sees to that itself

    def after_fork(self) -> None:
        """A child gets a worker of its own, which loads the model on first use."""
        self._finalizer.detach()
        self._use(self._worker.inherited())

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._worker.loaded

    @property
    def loading(self) -> bool:
        """Whether the model is being loaded."""
        return self._worker.is_loading

    @property
    def busy(self) -> bool:
        """Whether the worker is in the middle of an answer."""
        return self._worker.busy

    @property
    def idle_s(self) -> float:
        """Seconds since the last answer of a loaded model; negative infinity while there is one."""
        return self._worker.idle_s

    @property
    def keep_alive_s(self) -> float:
        """After how many of those the model is unloaded."""
        return self._worker.settings.keep_alive_s

    def unload(self) -> bool:
        """Give the model's memory back now; returns whether there was one, and no answer under
        way. The next answer loads it again."""
        return self._worker.unload()

    @property
    def model_bytes(self) -> int:
        """Size of the model file, read once: every decision looks at it."""
        return self._model_bytes

    def load(self, *, deadline: Deadline) -> None:
        """Load the model now, unless it is loaded."""
        nothing = ChatRequest((Message("user", "Hello"),), max_tokens=1)
        for _ in self._pieces(Job(nothing, deadline, only_loads=True)):
            pass

    def count_tokens(self, text: str) -> int | None:
        """How many tokens a text has for the model, None while it is not loaded.

        The chat template comes on top. Of a text far beyond the context, at least so many.
        """
        return self._worker.count(text)

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        return ChatCompletion.from_chunks(self.stream(request, deadline=deadline))

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        for piece in self._pieces(Job(request, deadline)):
            yield cast("ChatChunk", piece)

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        """-log P(`reference` | `request`) in nats, the mean over its tokens (TO-Router's NLL).

        None for a reference without tokens or with more than MAX_REFERENCE_TOKENS. Right after an
        answer to the same request it costs only the reference's own tokens, and may then differ by
        some tenths: llama.cpp rounds a token computed alone otherwise than one among others.
        """
        nats = next(self._pieces(Job(request, deadline, reference)), None)
        return cast("float | None", nats)

    @property
    def can_choose(self) -> bool:
        """Whether its engine weighs names against each other."""
        return self._worker.settings.engine.chooses

    def choose(
        self, request: ChatRequest, names: Sequence[str], *, deadline: Deadline
    ) -> tuple[float, ...]:
        """P(name | `request`) of each of `names` as the answer, if it must be one of them.

        Tokens that continue no name have probability 0. Raises BackendRejected for names that are
        none, empty or not different.
        """
        if not names:
            raise BackendRejected("there are no names to choose from")
        (probabilities,) = self._pieces(Job(request, deadline, names=tuple(names)))
        return cast("tuple[float, ...]", probabilities)

    def close(self) -> None:
        """End all answers, running or queued, and release the memory.

        A thread that waits for one gets BackendUnavailable. A worker that does not end within
        CLOSE_S seconds is left behind, and ends as soon as llama.cpp returns.
        """
        worker = self._worker
        self._finalizer()
        if not worker.join(CLOSE_S):
            log.info("%s is left behind: it still computes", self.path.name)

    def _pieces(self, job: Job) -> Generator[ChatChunk | float | tuple[float, ...], None, None]:
        worker = self._worker

        def wake() -> None:
            worker.cancel(job)
            job.pieces.put(None)  # the caller checks the deadline first

        job.deadline.check(self.path.name)
        worker.submit(job)
        try:
            with job.deadline.waking(wake):
                while (piece := self._next_piece(worker, job)) is not None:
                    job.deadline.begin()
                    yield piece
        finally:
            worker.cancel(job)

    def _next_piece(self, worker: Worker, job: Job) -> ChatChunk | float | tuple[float, ...] | None:
        if not worker.is_ours:
            raise BackendUnavailable(
                f"{self.path.name} answers in the process that asked it; ask again in this one"
            )
        try:
            timeout = min(job.deadline.remaining(), threading.TIMEOUT_MAX)
            piece = job.pieces.get(timeout=timeout)
        except queue.Empty:
            job.deadline.check(self.path.name)
            raise BackendUnavailable(f"{self.path.name} ran out of time") from None
        if job.deadline.cancelled:
            job.deadline.check(self.path.name)
        if isinstance(piece, BackendError):
            raise piece
        return piece
