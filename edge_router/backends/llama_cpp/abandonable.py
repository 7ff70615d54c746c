"""Run work that may never end in a thread that can be abandoned."""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

from edge_router.errors import BackendUnavailable

__all__ = ["Endless", "abandonable"]

LOOK_S = 0.02  # between two checks whether the result is still wanted

T = TypeVar("T")


class Endless(Exception):
    """The work took longer than its limit."""


class _Abandoned(BaseException):
    """Raised in the thread, which then ends with its next step of Python code."""


def abandonable(work: Callable[[], T], *, limit_s: float, wanted: Callable[[], bool]) -> T:
    """The result of `work`, or its error.

    Raises Endless after `limit_s`, and BackendUnavailable as soon as it is not `wanted` any more.
    Its thread is a daemon; Python code in it ends soon after, C code when it returns.
    """
    done: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            try:
                outcome: tuple[T | None, Exception | None] = work(), None
            except Exception as error:  # noqa: BLE001 - the thread's boundary: raised in the caller
                outcome = None, error
            done.put(outcome)
        except _Abandoned:
            pass

    thread = threading.Thread(target=run, name="chat template", daemon=True)
    thread.start()
    until = time.monotonic() + limit_s
    while True:
        try:
            result, error = done.get(timeout=LOOK_S)
        except queue.Empty:
            if time.monotonic() >= until or not wanted():
                _throw(thread)
                if wanted():
                    raise Endless(f"it was not done after {limit_s:g} s") from None
                raise BackendUnavailable("nobody waits for the answer any more") from None
            continue
        if error is not None:
            raise error
        return cast("T", result)


def _throw(thread: threading.Thread) -> None:
    """Raise in the thread, if this Python can."""
    throw = getattr(getattr(ctypes, "pythonapi", None), "PyThreadState_SetAsyncExc", None)
    if throw is not None and thread.ident is not None and thread.is_alive():
        throw(ctypes.c_ulong(thread.ident), ctypes.py_object(_Abandoned))
