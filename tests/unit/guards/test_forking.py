"""Locks and owners in a forked child."""

from __future__ import annotations

import os
import threading

import pytest

from edge_router.guards.forking import ForkSafeLock, renew_after_fork

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_child(work: object) -> int:
    """The exit code of a child that runs `work`; 9 if it raises."""
    if (pid := os.fork()) == 0:
        try:
            os._exit(int(work()))  # type: ignore[operator]
        finally:
            os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_lock_that_another_thread_holds_is_free_in_the_child() -> None:
    """No thread of the child could ever release it."""
    lock, held, release = ForkSafeLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            release.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)

    def work() -> int:
        with lock:
            return 3

    try:
        assert in_child(work) == 3
    finally:
        release.set()
        thread.join()


def test_an_owner_is_notified_in_the_child_only() -> None:
    """And only as long as it lives."""

    class Owner:
        told = 0

        def after_fork(self) -> None:
            self.told += 1

    owner, gone = Owner(), Owner()
    renew_after_fork(owner)
    renew_after_fork(gone)
    del gone
    assert in_child(lambda: owner.told) == 1
    assert owner.told == 0


def test_the_same_thread_may_take_it_again() -> None:
    """As a signal handler does in the middle of its block."""
    lock = ForkSafeLock()
    with lock, lock:
        entered = True
    assert entered
