"""Safe forks and exits: what belongs to one process is made anew in a forked child, and threads
inside a native library are not cut off.

A lock that another thread held at the fork is never released in the child, and a socket, a database
connection or a worker thread belongs to the parent. A library's own locks may be held by a thread
that a child does not have, and a daemon thread that comes back from C++ or Rust after the
interpreter has ended would abort the whole process.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from threading import get_ident
from typing import Protocol
from weakref import WeakSet

__all__ = ["NO_FORK", "ForkAware", "ForkSafeLock", "NativeCalls", "renew_after_fork"]

NO_FORK = threading.RLock()  # a fork waits until it is free: hold it for milliseconds only
PATIENCE_S = 2.0  # at the exit, for native calls that are under way; one takes some milliseconds


class ForkAware(Protocol):
    """An owner of a thing that belongs to one process: a lock, a socket, a thread."""

    def after_fork(self) -> None:
        """Runs first in the child, in its only thread; takes no lock."""
        ...


_OWNERS: WeakSet[ForkAware] = WeakSet()


def renew_after_fork(owner: ForkAware) -> None:
    """Call `owner.after_fork()` in every child of this process, as long as `owner` lives."""
    _OWNERS.add(owner)


class ForkSafeLock:
    """A lock for `with` that is free in a forked child, even if a thread of the parent held it.

    The thread that holds it may take it again: a signal handler or a garbage collection can run
    in the middle of its block.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        try:  # noqa: SIM105 - a query comes here some thirty times, and `suppress` costs more
            self._lock.release()
        except RuntimeError:  # a fork inside of `with` has made it anew
            pass


def _renew() -> None:
    NO_FORK.release()
    for owner in list(_OWNERS):
        owner.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=NO_FORK.acquire, after_in_parent=NO_FORK.release, after_in_child=_renew
    )


_NATIVE: WeakSet[NativeCalls] = WeakSet()
_exiting: list[int] = []  # the thread that ends the interpreter


class NativeCalls:
    """Counts the calls into one library that are under way: each runs inside `with`."""

    __slots__ = ("__weakref__", "_threads")

    def __init__(self) -> None:
        self._threads: set[int] = set()
        _NATIVE.add(self)

    @property
    def under_way(self) -> bool:
        return bool(self._threads)

    def forget(self) -> None:
        """For a forked child, which does not have the threads that were in a call."""
        self._threads = set()

    def __enter__(self) -> None:
        self._threads.add(get_ident())
        if _exiting:
            self._stay_behind()

    def __exit__(self, *_: object) -> None:
        self._threads.discard(get_ident())

    def _stay_behind(self) -> None:
        """Wait for the interpreter's end, in a daemon thread that calls during the exit."""
        if get_ident() in _exiting:
            return
        self._threads.discard(get_ident())
        threading.Event().wait()


@atexit.register
def _let_them_return() -> None:
    """At the exit only daemon threads are left: none begins a call; wait for those in one."""
    _exiting.append(get_ident())
    end = time.monotonic() + PATIENCE_S
    while any(calls.under_way for calls in list(_NATIVE)) and time.monotonic() < end:
        time.sleep(0.001)
