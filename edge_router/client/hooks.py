"""Run the user's hooks on every answer's record, in a thread of their own."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from edge_router.errors import ConfigError
from edge_router.guards.forking import renew_after_fork
from edge_router.routing.record import AnswerRecord, Hook

__all__ = ["Hooks"]

WAIT_S = 0.25  # for a slow hook; then it goes on beside the answer
CLOSE_S = 0.25

log = logging.getLogger("edge_router")


class Hooks:
    """Runs `hooks` for each record, in order, in a thread of its own. Thread-safe.

    A hook that raises anything is logged, and the next one runs; all run in the context of the
    caller (contextvars). `run` returns when all have run, or after WAIT_S seconds. Raises
    ConfigError for a hook that cannot be called.
    """

    def __init__(self, hooks: Sequence[Hook]) -> None:
        self._hooks = _checked(hooks)
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """The thread and its queue are the parent's; a child starts with new ones."""
        self._start = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, record: AnswerRecord, *, wait: bool = True) -> None:
        """Call every hook with `record`."""
        if not self._hooks:
            return
        done = threading.Event()
        context = contextvars.copy_context()
        self._jobs.put(lambda: context.run(self._call_all, record, done))
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=_work, args=(self._jobs,), name="edge-router hooks", daemon=True
                )
                self._thread.start()
        if (
            wait and threading.current_thread() is not self._thread
        ):  # a hook that itself asks a query
            done.wait(WAIT_S)

    def close(self) -> None:
        """Wait for hooks that still run, CLOSE_S seconds at most."""
        with self._start:
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._jobs.put(None)
            thread.join(CLOSE_S)

    def _call_all(self, record: AnswerRecord, done: threading.Event) -> None:
        try:
            for hook in self._hooks:
                _call(hook, record)
        finally:
            done.set()


def _checked(hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    if isinstance(hooks, str) or not isinstance(hooks, Sequence) or not all(map(callable, hooks)):
        raise ConfigError(
            f"hooks is {type(hooks).__name__!r}; give a list of functions of a record"
        )
    return tuple(hooks)


def _call(hook: Hook, record: AnswerRecord) -> None:
    started = time.monotonic()
    try:
        hook(record)
    except BaseException:
        log.exception("the hook %r failed", hook)
    if (took := time.monotonic() - started) > WAIT_S:
        log.warning("the hook %r took %.1f s", hook, took)


def _work(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
