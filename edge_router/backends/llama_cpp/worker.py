"""The worker of one model: its threads, its queue, and how jobs end."""

from __future__ import annotations

import atexit
import ctypes
import logging
import math
import os
import queue
import threading
import time
from dataclasses import dataclass, field

from edge_router.errors import BackendError, BackendUnavailable

from .engine import ModelSettings
from .gguf_trial import require_loadable
from .job import Job, LoadedModel, pieces_of
from .memory import release_memory

__all__ = ["Job", "Worker"]

CLOSE_S = 0.4  # a worker that has not ended by then is left behind
EXIT_S = 1.0  # the same where the interpreter ends
LEAST_WAIT_S = 0.01  # before an idle model is unloaded

log = logging.getLogger("edge_router.llama_cpp")


@dataclass(slots=True, eq=False)
class Worker:
    """Loads the model for the first job. Belongs to the process that made it.

    It has as many threads as jobs wait or run, up to the answers that the engine gives at a time.
    """

    settings: ModelSettings
    stopped: bool = False
    model: LoadedModel | None = None
    is_loading: bool = False
    process: int = field(default_factory=os.getpid)
    _jobs: queue.SimpleQueue[Job | None] = field(default_factory=queue.SimpleQueue)
    _lock: threading.RLock = field(
        default_factory=threading.RLock
    )  # a signal handler may take it again
    _loading: threading.RLock = field(default_factory=threading.RLock)
    _reading: threading.RLock = field(default_factory=threading.RLock)
    _live: set[Job] = field(default_factory=set)
    _running: set[Job] = field(default_factory=set)
    _idle_since: float = math.inf
    _threads: set[threading.Thread] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return bool(self._running)

    @property
    def loaded(self) -> bool:
        """Whether there is a model in memory."""
        model = self.model
        return model is not None and not model.is_lost()

    @property
    def idle_s(self) -> float:
        """Seconds since the last job of a loaded model; negative infinity while there is one."""
        return time.monotonic() - self._idle_since if self.loaded else -math.inf

    @property
    def name(self) -> str:
        return self.settings.path.name

    @property
    def is_ours(self) -> bool:
        """Whether this process made it, not one that it was forked from."""
        return self.process == os.getpid()

    def inherited(self) -> Worker:
        """A new worker for a forked child. The parent's is never freed in the child: its memory,
        its locks and its thread belong to the parent."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        return Worker(self.settings, self.stopped)

    def submit(self, job: Job) -> None:
        """Queue a job. Raises BackendUnavailable once the worker was stopped."""
        with self._lock:
            if self.stopped:
                raise self._closed()
            self._live.add(job)
            if len(self._threads) < min(len(self._live), self.settings.engine.at_once):
                self._start(job)
            self._jobs.put(job)

    def cancel(self, job: Job) -> None:
        """Stop `job` now if it runs, else before it starts."""
        if not self.is_ours:
            return
        with self._lock:
            job.cancelled = True
            self._live.discard(job)
            if job in self._running and self.model is not None:
                self.model.abort()

    def count(self, text: str) -> int | None:
        """Tokens of a text, None while no model is loaded. For any thread."""
        if not self.is_ours:
            return None
        with self._reading:  # or it might be unloaded in the middle
            return None if self.model is None else self.model.count(text)

    def unload(self) -> bool:
        """Give the memory back now; returns whether there was a model, and no job for it."""
        if not self.is_ours or not self._loading.acquire(blocking=False):  # it is being loaded
            return False
        try:
            with self._lock:
                return not (self._live or self._running) and self._unload()
        finally:
            self._loading.release()

    def stop(self, *, notify: bool = True) -> None:
        """Take no more jobs and end the present ones; `notify` their callers. Returns at once."""
        if not self.is_ours:
            return
        with self._lock:
            self.stopped = True
            for job in self._live:
                job.cancelled = True
                if notify:
                    job.pieces.put(self._closed())
            self._live.clear()
            if self.model is not None:
                self.model.abort()
            for _ in self._threads:
                self._jobs.put(None)

    def join(self, timeout: float) -> bool:
        """Whether its threads have ended."""
        until = time.monotonic() + timeout
        me = threading.current_thread()
        threads = [one for one in list(self._threads) if one is not me] if self.is_ours else []
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _closed(self) -> BackendUnavailable:
        return BackendUnavailable(f"{self.name} is closed")

    def _start(self, job: Job) -> None:
        """Start a thread for `job`, or leave it to those that there are."""
        thread = threading.Thread(target=self._run, name=f"llama_cpp {self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads in this process
            if self._threads:
                return
            self._live.discard(job)
            raise BackendUnavailable(f"{self.name}: {error}") from None
        self._threads.add(thread)
        _RUNNING.add(self)

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            if self._begin(job):
                self._answer(job)
                self._end(job)
            del job  # its request is not kept until the next one
        with self._lock:  # so that `submit` has added this thread
            pass
        self._leave()

    def _next_job(self) -> Job | None:
        """The next job, None for the end; meanwhile an idle model is unloaded."""
        while True:
            left = self._idle_since + self.settings.keep_alive_s - time.monotonic()
            waits = self.model is not None and left <= threading.TIMEOUT_MAX
            try:
                return self._jobs.get(timeout=max(left, LEAST_WAIT_S) if waits else None)
            except queue.Empty:
                self._unload_if_idle()

    def _unload_if_idle(self) -> None:
        with self._loading, self._lock:
            idle_s = time.monotonic() - self._idle_since
            if self._live or self._running or idle_s < self.settings.keep_alive_s:
                return
            if self._unload():
                log.info("%s was idle for %.0f s and is unloaded", self.name, idle_s)

    def _unload(self) -> bool:
        """Give the model's memory back; returns whether there was one. Called with `_loading`."""
        with self._reading:
            was_loaded, model, self.model = self.loaded, self.model, None
        if model is not None:
            model.close()
            if not self.settings.own_process:
                release_memory(self.settings.engine.module)
        return was_loaded

    def _leave(self) -> None:
        """End this thread; the last one releases the model."""
        with self._loading:
            me = threading.current_thread()
            if self._threads == {me}:
                self._unload()
                _RUNNING.discard(self)
            self._threads.discard(me)

    def _begin(self, job: Job) -> bool:
        with self._lock:
            if job.cancelled or self.stopped:
                return False
            self._running.add(job)
            self._idle_since = math.inf
            if self.model is not None:
                self.model.resume()
            return True

    def _end(self, job: Job) -> None:
        with self._lock:
            self._running.discard(job)
            self._live.discard(job)
            if not self._running:
                self._idle_since = time.monotonic()

    def _answer(self, job: Job) -> None:
        """Run a job. The end of a cancelled one is not sent: its caller has it already."""
        end: BackendError | None = None
        try:
            model = self._loaded()
            for piece in () if job.cancelled else pieces_of(model, job):
                job.pieces.put(piece)
        except BackendError as error:
            end = error
        except Exception as error:  # noqa: BLE001 - the worker's boundary: its caller waits
            end = BackendUnavailable(f"{self.name}: {error}")
        if not job.cancelled:
            job.pieces.put(end)

    def _going_on(self) -> bool:
        """Whether to go on loading; if a job is cancelled, the next one needs the model."""
        return not self.stopped

    def _loaded(self) -> LoadedModel:
        """The model, which the first thread to come loads."""
        with self._loading:
            if self.model is None or self.model.is_lost():
                self._unload()  # what is left of one that is lost
                self.is_loading = True
                try:
                    self.model = self._load()
                finally:
                    self.is_loading = False
            return self.model

    def _load(self) -> LoadedModel:
        settings = self.settings
        if settings.own_process:  # which reads the file, and crashes alone
            n_ctx = settings.n_ctx
        else:
            n_ctx = settings.context_tokens()
            if not settings.is_known:
                require_loadable(settings.path, settings.engine, self._going_on)
        model: LoadedModel = settings.engine.load(settings, n_ctx, self._going_on)
        return model


_RUNNING: set[Worker] = set()


def _stop_all() -> None:
    """At the exit: a thread that came back from llama.cpp later would abort the process."""
    workers = [worker for worker in list(_RUNNING) if worker.is_ours]
    for worker in workers:
        worker.stop(notify=False)  # threads that wait are daemons, and end where they are
    until = time.monotonic() + EXIT_S
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))


atexit.register(_stop_all)
