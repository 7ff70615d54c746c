"""The worker thread of one loaded model, with its queue: the only code that calls llama.cpp."""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.chat.completion import ChatChunk
from edge_router.errors import BackendError, BackendUnavailable

from .answer.generation import Generation
from .gguf import GgufHeader, read_header
from .gguf_trial import require_loadable
from .job import Job, Piece
from .library import AbortFlag, import_llama_cpp, loading
from .prompt import PromptMaker

if TYPE_CHECKING:
    from .confidence import ConfidenceMeter
    from .name_trie import TrieMask

__all__ = ["MAX_REFERENCE_TOKENS", "Job", "Worker"]

MAX_REFERENCE_TOKENS = 64
LEAST_CONTEXT = 256  # llama.cpp rounds up to it
MOST_TRAINED = 1 << 24  # tokens; a file that claims more does not say how long it was trained for
CLOSE_S = 0.4  # a worker that has not ended by then is left behind
EXIT_S = 1.0  # the same where the interpreter ends

log = logging.getLogger("edge_router.llama_cpp")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model is loaded and run. `is_known` says that the file is the bundled one."""

    path: Path
    n_ctx: int
    n_threads: int
    system: str | None
    repeat_penalty: float
    confidence: bool
    is_known: bool
    free_memory: Callable[[], float | None]


@dataclass(slots=True, eq=False)
class Worker:
    """Loads the model for the first job. Belongs to the process that made it."""

    settings: ModelSettings
    stopped: bool = False
    model: Any = None
    prompts: PromptMaker | None = None
    process: int = field(default_factory=os.getpid)
    _jobs: queue.SimpleQueue[Job | None] = field(default_factory=queue.SimpleQueue)
    _lock: threading.RLock = field(
        default_factory=threading.RLock
    )  # a signal handler may take it again
    _reading: threading.RLock = field(default_factory=threading.RLock)
    _abort: AbortFlag = field(default_factory=AbortFlag)
    _live: set[Job] = field(default_factory=set)
    _current: Job | None = None
    _thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._current is not None

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
            self._start()
            self._live.add(job)
            self._jobs.put(job)

    def cancel(self, job: Job) -> None:
        """Stop `job` now if it runs, else before it starts."""
        if not self.is_ours:
            return
        with self._lock:
            job.cancelled = True
            self._live.discard(job)
            if self._current is job:
                self._abort.set()

    def count(self, text: str) -> int | None:
        """Tokens of a text, None while no model is loaded. For any thread."""
        if not self.is_ours:
            return None
        with self._reading:  # or it might be unloaded in the middle
            return None if self.prompts is None else self.prompts.count(text)

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
            self._abort.set()
        self._jobs.put(None)

    def join(self, timeout: float) -> bool:
        """Whether its thread has ended."""
        thread = self._thread if self.is_ours else None
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _closed(self) -> BackendUnavailable:
        return BackendUnavailable(f"{self.name} is closed")

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._run, name=f"llama_cpp {self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads in this process
            raise BackendUnavailable(f"{self.name}: {error}") from None
        self._thread = thread
        _RUNNING.add(self)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._begin(job):
                self._answer(job)
                self._end(job)
            del job  # its request is not kept until the next one
        with self._reading:
            model, self.model, self.prompts = self.model, None, None
        if model is not None:
            model.close()
        _RUNNING.discard(self)

    def _begin(self, job: Job) -> bool:
        with self._lock:
            if not job.cancelled and not self.stopped:
                self._current = job
                self._abort.clear()
            return self._current is job

    def _end(self, job: Job) -> None:
        with self._lock:
            self._current = None
            self._live.discard(job)

    def _answer(self, job: Job) -> None:
        """Run a job. The end of a cancelled one is not sent: its caller has it already."""
        end: BackendError | None = None
        try:
            if self.model is None:
                self._load()
            for piece in self._work(job):
                job.pieces.put(piece)
        except BackendError as error:
            end = error
        except Exception as error:  # noqa: BLE001 - the worker's boundary: its caller waits
            end = BackendUnavailable(f"{self.name}: {error}")
        if not job.cancelled:
            job.pieces.put(end)

    def _work(self, job: Job) -> Iterator[Piece]:
        if job.names:
            return self._choose(job)
        return self._generate(job) if job.reference is None else self._score(job)

    def _going_on(self) -> bool:
        """Whether to go on loading; if a job is cancelled, the next one needs the model."""
        return not self.stopped

    def _load(self) -> None:
        settings = self.settings
        llama_cpp = import_llama_cpp()
        header = read_header(settings.path)
        n_ctx = self._context(header)
        if not settings.is_known:
            require_loadable(settings.path, self._going_on)
        with loading(llama_cpp, self._going_on):
            model = llama_cpp.Llama(
                str(settings.path),
                n_ctx=max(n_ctx, LEAST_CONTEXT),
                n_threads=settings.n_threads,
                n_threads_batch=settings.n_threads,
                verbose=False,
            )
        inner = model._model  # noqa: SLF001 - its tokenizer reserves memory for so many tokens
        if not 1 <= inner.n_ctx_train() <= MOST_TRAINED:
            inner.n_ctx_train = lambda: n_ctx
        self._abort.attach(llama_cpp, model.ctx)
        self.prompts = PromptMaker.of(
            llama_cpp, model, n_ctx=n_ctx, system=settings.system, name=self.name
        )
        self.model = model

    def _context(self, header: GgufHeader) -> int:
        """The context in tokens, at most what the model was trained for: beyond it is noise."""
        n_ctx, trained = self.settings.n_ctx, header.number("context_length")
        if trained is not None and n_ctx > trained:
            log.warning(
                "%s was trained for %d tokens; the context of %d that was asked for is cut to that",
                self.name,
                trained,
                n_ctx,
            )
            n_ctx = trained
        needed, free = header.cache_bytes(n_ctx), self.settings.free_memory()
        if needed is not None and free is not None and needed > free:
            raise BackendUnavailable(
                f"a context of {n_ctx} tokens of {self.name} takes {needed / 1e9:.1f} GB, and "
                f"{free / 1e9:.1f} GB are free; state less context_tokens"
            )
        return n_ctx

    def _generate(
        self,
        job: Job,
        *,
        max_tokens: int | None = None,
        reserve: int = 0,
        mask: TrieMask | None = None,
    ) -> Iterator[ChatChunk]:
        """The answer, of `max_tokens` at most; room for `reserve` tokens is left in any case."""
        settings = self.settings
        return Generation(
            self.model,
            self._prompts(),
            settings.path.stem,
            settings.repeat_penalty,
            meter=_meter() if settings.confidence and mask is None else None,
            mask=mask,
            wanted=lambda: not job.cancelled,
        ).chunks(job.request, max_tokens=max_tokens, reserve=reserve)

    def _prompts(self) -> PromptMaker:
        if self.prompts is None:
            raise self._closed()
        return self.prompts

    def _score(self, job: Job) -> Iterator[float]:
        """Mean -log P of the reference's tokens, one at a time. Nothing if it is too long.

        Writing a single token leaves the model right behind the prompt, whatever its template; an
        answer to the same request just before has left the prompt in the cache.
        """
        tokens = self.model.tokenize((job.reference or "").encode(), add_bos=False)
        if not 0 < len(tokens) <= MAX_REFERENCE_TOKENS:
            return
        for _ in self._generate(job, max_tokens=1, reserve=len(tokens) + 1):
            pass
        from .token_probabilities import negative_log_likelihood

        mean = negative_log_likelihood(self.model, tokens, lambda: not job.cancelled)
        if mean is not None:
            yield mean

    def _choose(self, job: Job) -> Iterator[tuple[float, ...]]:
        """P(name | conversation) of each name of the job, and of nothing else."""
        from .name_trie import TrieMask
        from .token_probabilities import name_probabilities, name_trie

        mask = TrieMask(name_trie(self.model, job.names))
        for _ in self._generate(job, max_tokens=1, reserve=mask.trie.depth + 1, mask=mask):
            pass
        if not job.cancelled:
            yield name_probabilities(self.model, mask, lambda: not job.cancelled)


def _meter() -> ConfidenceMeter:
    from .confidence import ConfidenceMeter

    return ConfidenceMeter()


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
