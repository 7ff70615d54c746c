"""What the process of a model does: load it, work off jobs, and leave with its parent."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from edge_router.errors import BackendUnavailable, EdgeRouterError

from ...deadline import Deadline
from ..gguf_trial import dump_no_core
from ..job import Job, LoadedModel, pieces_of
from .messages import Begin, Cancel, Count, Counted, Ended, Frames, Gave, Load, Logged, Reply, frame

__all__ = ["NICENESS", "serve_model"]

NICENESS = 5  # more than the parent: a third of its share of a core that both want
COUNTING = 2  # threads beyond those of the jobs
READ_BYTES = 1 << 16

log = logging.getLogger("edge_router")


def serve_model() -> NoReturn:
    """Take messages from standard input until it ends, and reply on what was standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    dump_no_core()
    with suppress(AttributeError, OSError):  # Windows, or a system that forbids it
        os.nice(NICENESS)
    served, frames = Served(Replies(_private_output())), Frames()
    while data := os.read(sys.stdin.fileno(), READ_BYTES):
        for message in frames.take(data):
            served.take(message)
    os._exit(0)  # the parent has closed the pipe or has ended


def _private_output() -> int:
    """The descriptor of the pipe to the parent; what a library prints goes nowhere from now on."""
    pipe = os.dup(sys.stdout.fileno())
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
    return pipe


@dataclass(slots=True, eq=False)
class Replies:
    """The pipe to the parent. Thread-safe."""

    pipe: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, reply: Reply) -> None:
        """Write a reply; a parent that has ended ends this process too."""
        data = memoryview(frame(reply))
        try:
            with self._lock:
                while data:
                    data = data[os.write(self.pipe, data) :]
        except OSError:
            os._exit(0)


class LogLines(logging.Handler):
    """Sends what is logged to the parent."""

    def __init__(self, send: Callable[[Reply], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(Logged(record.name, record.levelno, record.getMessage()))


@dataclass(slots=True, eq=False)
class Served:
    """The model, and its jobs that run. `take` is called by one thread and does not wait."""

    replies: Replies
    name: str = ""
    model: LoadedModel | None = None
    _running: dict[int, Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: ThreadPoolExecutor | None = None

    def take(self, message: object) -> None:
        """Begin what a message asks for."""
        match message:
            case Load():
                log.addHandler(LogLines(self.replies.send))
                log.setLevel(message.log_level)
                self.name = message.settings.path.name
                self._threads = ThreadPoolExecutor(message.settings.engine.at_once + COUNTING)
                self._do(message.number, lambda: self._load(message))
            case Begin():
                job = Job(message.request, Deadline(math.inf), message.reference, message.names)
                self._running[message.number] = job
                self._do(message.number, lambda: self._answer(message.number, job))
            case Cancel():
                self._cancel(message.number)
            case Count():
                self._do(message.number, lambda: self._count(message))

    def _do(self, number: int, work: Callable[[], None]) -> None:
        """Do it in a thread, and reply with its end."""

        def run() -> None:
            error: EdgeRouterError | None = None
            try:
                work()
            except EdgeRouterError as raised:
                error = raised
            except Exception as raised:  # noqa: BLE001 - the process's boundary: its caller waits
                error = BackendUnavailable(f"{self.name}: {raised}")
            with self._lock:
                self._running.pop(number, None)
            self.replies.send(Ended(number, error))

        assert self._threads is not None
        self._threads.submit(run)

    def _load(self, message: Load) -> None:
        settings = message.settings
        self.model = settings.engine.load(settings, settings.context_tokens(), lambda: True)

    def _answer(self, number: int, job: Job) -> None:
        model = self.model
        assert model is not None
        with self._lock:
            if job.cancelled:
                return
            model.resume()
        for piece in pieces_of(model, job):
            self.replies.send(Gave(number, piece))

    def _cancel(self, number: int) -> None:
        with self._lock:
            job = self._running.get(number)
            if job is not None and self.model is not None:
                job.cancelled = True
                self.model.abort()

    def _count(self, message: Count) -> None:
        tokens = None if self.model is None else self.model.count(message.text)
        self.replies.send(Counted(message.number, tokens))
