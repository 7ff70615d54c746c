"""Fork safety: locks, connections and handles are made anew in a forked child.

A lock that another thread held at the fork is never released in the child, and a socket, a database
connection or a worker thread belongs to the parent.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

__all__ = ["NO_FORK", "ForkAware", "ForkSafeLock", "renew_after_fork"]

NO_FORK = threading.RLock()  # a fork waits until it is free: hold it for milliseconds only


class ForkAware(Protocol):
    """An owner of something that belongs to one process."""

    def after_fork(self) -> None:
        """Runs in the child, in its only thread, before anything else does; takes no lock."""
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
        with suppress(RuntimeError):  # a fork inside of `with` has made it anew
            self._lock.release()


def _renew() -> None:
    NO_FORK.release()
    for owner in list(_OWNERS):
        owner.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=NO_FORK.acquire, after_in_parent=NO_FORK.release, after_in_child=_renew
    )
