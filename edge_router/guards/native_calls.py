"""Count threads inside a native library, so that neither a fork nor the exit cuts one off.

A library's locks may be held by a thread that a forked child does not have. And a daemon thread
that comes back from C++ or Rust after the interpreter has ended would abort the whole process.
"""

from __future__ import annotations

import atexit
import threading
import time
from threading import get_ident
from weakref import WeakSet

__all__ = ["NativeCalls"]

PATIENCE_S = 2.0  # at the exit, for calls that are under way; one takes some milliseconds

_ALL: WeakSet[NativeCalls] = WeakSet()
_exiting: list[int] = []  # the thread that ends the interpreter


class NativeCalls:
    """The calls into one library that are under way: each runs inside of `with`."""

    __slots__ = ("__weakref__", "_threads")

    def __init__(self) -> None:
        self._threads: set[int] = set()
        _ALL.add(self)

    @property
    def under_way(self) -> bool:
        return bool(self._threads)

    def forget(self) -> None:
        """In a forked child: the threads that were in a call are not here."""
        self._threads = set()

    def __enter__(self) -> None:
        self._threads.add(get_ident())
        if _exiting:
            self._stay_behind()

    def __exit__(self, *_: object) -> None:
        self._threads.discard(get_ident())

    def _stay_behind(self) -> None:
        """A daemon thread that calls while the interpreter ends waits here for that end."""
        if get_ident() in _exiting:
            return
        self._threads.discard(get_ident())
        threading.Event().wait()


@atexit.register
def _let_them_return() -> None:
    """Only daemon threads are left by now: none begins a call, and those in one come back."""
    _exiting.append(get_ident())
    end = time.monotonic() + PATIENCE_S
    while any(calls.under_way for calls in list(_ALL)) and time.monotonic() < end:
        time.sleep(0.001)
