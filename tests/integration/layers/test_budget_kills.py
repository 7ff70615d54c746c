"""One dollar for many threads and processes, some of them killed: nothing lost, nothing double."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from forks import warnings_of_forks

from edge_router import ChatRequest, Router
from edge_router.chat.completion import Usage
from edge_router.errors import CostLimitReached
from edge_router.layers.budget import Budget
from edge_router.layers.ledger import FILE, Ledger
from edge_router.routing.experts.expert import Pricing
from edge_router.settings.budget_config import BudgetConfig

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

NOON = 1_796_040_000.0
TOKEN_USD = 2.0**-11  # sums of it are exact
MOST, REAL = 4, 1  # tokens of an answer: at its most, and really
DOLLAR = BudgetConfig(usd_per_hour=1.0)
ASKED = replace(ChatRequest.of("Why?"), max_tokens=MOST)
CLOUD = replace(
    Router.bundled().profiles["frontier"], name="big", pricing=Pricing(0.0, TOKEN_USD * 1e6)
)
KILLS, THREADS = 50, 4


class Spending:
    """Answers under a budget, with a line in a file for each that was asked and each that ended."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / FILE, DOLLAR, clock=lambda: NOON)
        self.budget = Budget(ledger=self.ledger)
        self._lines = folder / "lines"
        self._lines.touch()

    def until_refused(self, draw: random.Random) -> None:
        """Ask until the budget is spent."""
        while True:
            try:
                room = self.budget.reserve(CLOUD, ASKED, expected_tokens=MOST, expected_s=1.0)
            except CostLimitReached as error:
                if error.limit == "budget":
                    return
                continue  # others used the file for too long
            self._note("asked")
            time.sleep(draw.random() * 0.01)
            room.settle(REAL * TOKEN_USD, Usage(0, REAL))
            self._note("done")

    def in_threads(self, count: int) -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda n: self.until_refused(random.Random(n)), range(count)))

    def counted(self, word: str) -> int:
        return self._lines.read_text().split().count(word)

    def wait_until_asked(self, count: int) -> None:
        """Until so many answers were asked for, or ten seconds are over."""
        until = time.monotonic() + 10
        while self.counted("asked") < count and time.monotonic() < until:
            time.sleep(0.0005)

    def booked(self) -> float:
        """Tokens' worth of dollars that the file says are spent or reserved."""
        (window,) = self.ledger.room(None)
        return window.spent / TOKEN_USD

    def _note(self, word: str) -> None:
        descriptor = os.open(self._lines, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, f"{word}\n".encode())
        os.close(descriptor)


def in_child(work: Callable[[], object]) -> int:
    """A forked process that does `work` and ends."""
    with warnings_of_forks():
        pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def test_four_processes_of_sixteen_threads_share_a_dollar(tmp_path: Path) -> None:
    """Every answer is booked once, and the last one takes no more than there is."""
    spending = Spending(tmp_path)
    children = [in_child(lambda: Spending(tmp_path).in_threads(16)) for _ in range(4)]
    for pid in children:
        os.waitpid(pid, 0)
    asked = spending.counted("asked")
    assert asked == spending.counted("done") == spending.booked()
    assert 1.0 / TOKEN_USD - MOST < asked <= 1.0 / TOKEN_USD
    assert spending.ledger.pending() == []


def test_fifty_killed_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    """What they had reserved stays booked at its most; what they had settled is what it was."""
    spending, draw = Spending(tmp_path), random.Random(7)
    for _ in range(KILLS):
        pid = in_child(lambda: Spending(tmp_path).in_threads(THREADS))
        spending.wait_until_asked(spending.counted("asked") + draw.randint(1, 8))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    left = len(spending.ledger.pending())
    settled = spending.booked() - MOST * left
    asked, done = spending.counted("asked"), spending.counted("done")
    assert 0 < left <= KILLS * THREADS
    assert done <= settled <= asked <= settled + left
    spending.in_threads(THREADS)
    assert spending.booked() <= 1.0 / TOKEN_USD
    assert spending.booked() > 1.0 / TOKEN_USD - MOST
    assert len(spending.ledger.pending()) == left
