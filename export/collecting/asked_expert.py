"""An expert that is asked in this process, several questions at once where it can be."""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from edge_router.backends.base import Backend
from edge_router.learning.enrolment.asking import Retries
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.experts.expert import Pricing

from .outcome import Measure, outcome
from .pace import Pace

__all__ = ["AskedExpert"]


@dataclass(frozen=True, slots=True)
class AskedExpert:
    """An expert to run. Each of `backends` answers one question at a time; one that is safe to
    share may stand there several times. Without `pricing` no cost is recorded. `measure` is what
    it does with a question."""

    name: str
    backends: tuple[Backend, ...]
    pricing: Pricing | None = None
    pace: Pace = field(default_factory=Pace)
    measure: Measure = outcome

    def outcomes(self, pending: Sequence[Row], retries: Retries) -> Generator[Row, None, None]:
        """The outcome row of each question, in any order, as it comes; as many questions are
        under way as there are backends."""
        free: queue.SimpleQueue[Backend] = queue.SimpleQueue()
        for backend in self.backends:
            free.put(backend)

        def ask(row: Row) -> Row:
            backend = free.get()
            try:
                return self.measure(
                    row,
                    self.name,
                    backend,
                    pricing=self.pricing,
                    retries=retries,
                    pause=self.pace.pause,
                )
            finally:
                free.put(backend)

        with ThreadPoolExecutor(len(self.backends)) as pool:
            yield from _as_completed(pool, ask, pending, 2 * len(self.backends))


def _as_completed(
    pool: ThreadPoolExecutor, ask: Callable[[Row], Row], pending: Sequence[Row], ahead: int
) -> Iterator[Row]:
    """Like `pool.map` in any order, with no more than `ahead` questions handed out."""
    waiting = iter(pending)
    under_way: set[Future[Row]] = {pool.submit(ask, row) for row in islice(waiting, ahead)}
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        under_way |= {pool.submit(ask, row) for row in islice(waiting, len(done))}
        for future in done:
            yield future.result()
