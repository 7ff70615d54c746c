"""An expert that is asked by workers of a Ray cluster: an actor each, bounded batches under way."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import edge_router
from edge_router.backends.base import Backend
from edge_router.errors import EdgeRouterError
from edge_router.learning.enrolment.asking import Retries
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.experts.expert import Pricing

from .outcome import Measure, outcome, stored
from .pace import Pace
from .ray_cluster import ClusterError, room_for
from .ray_worker import Order, Worker

__all__ = ["RayExpert"]

BATCH_S = 1.0  # what a batch is to take: Ray's own milliseconds vanish beside it
MOST_ROWS = 200
SERVER_THREADS = 8  # questions that one worker asks a server at once
SERVER_CPUS = 0.125  # such a worker waits
TASK_RETRIES = 3  # of a batch whose worker died; then it is the questions' fault
LOOK_S = 5.0
START_S = 330.0  # until the first model is loaded
NODE_S = 60.0  # for a lost node to come back
PATIENCE_S = 900.0  # without any answer: three tries at 120 s, their pauses, and room

log = logging.getLogger("edge_router.export")


@dataclass(frozen=True, slots=True)
class RayExpert:
    """An expert to run on the cluster that the module `ray` is connected to.

    `open` makes its backend on a worker. `parallel` questions are under way at most. A worker
    takes `cpus`; with `threads` above 1 it asks so many questions at once. Workers that find no
    room wait for a node to join. `measure` is what a worker does with a question.
    """

    ray: Any
    name: str
    open: Callable[[], Backend]
    parallel: int = 1
    cpus: float = 1.0
    threads: int = 1
    pricing: Pricing | None = None
    requests_per_minute: float | None = None
    measure: Measure = outcome

    def outcomes(self, pending: Sequence[Row], retries: Retries) -> Generator[Row, None, None]:
        """The outcome row of each question, in any order, as it comes.

        Ray restarts a worker that dies, on another node where it must, and gives it its batch
        again. A question whose workers keep dying has failed. Raises ClusterError, such as of a
        node that lacks the model.
        """
        if pending:
            run = _Run(self, retries, _Waiting(list(pending)))
            try:
                yield from run.outcomes()
            finally:
                run.stop()


@dataclass(slots=True)
class _Waiting:
    """Questions that no worker has yet; those to ask one by one stand in `single`."""

    rows: list[Row]
    taken: int = 0
    single: list[Row] = field(default_factory=list)

    def take(self, most: int) -> list[Row]:
        """At most so many."""
        if self.single:
            return [self.single.pop()]
        batch = self.rows[self.taken : self.taken + most]
        self.taken += len(batch)
        return batch

    @property
    def left(self) -> int:
        return len(self.rows) - self.taken + len(self.single)


class _Run:
    """The workers of one expert, and what each is at."""

    def __init__(self, expert: RayExpert, retries: Retries, waiting: _Waiting) -> None:
        self._ray, self._expert, self._waiting = expert.ray, expert, waiting
        self._actors: list[Any] = []
        self._under_way: dict[Any, tuple[Any, list[Row]]] = {}
        self._started: set[Any] = set()
        self._size = 1
        self._require_room()
        order = Order(
            expert.name,
            expert.open,
            expert.pricing,
            retries,
            edge_router.__version__,
            self._pace(),
            expert.measure,
        )
        options = {
            "num_cpus": expert.cpus,
            "max_concurrency": expert.threads,
            "max_restarts": -1,
            "max_task_retries": TASK_RETRIES,
            "scheduling_strategy": "SPREAD",
        }
        kind = self._ray.remote(Worker).options(**options)
        for _ in range(math.ceil(min(expert.parallel, waiting.left) / expert.threads)):
            actor = kind.remote(order)
            self._actors.append(actor)
            self._under_way[actor.ready.remote()] = (actor, [])

    def outcomes(self) -> Iterator[Row]:
        """Until every question has its outcome; workers that never started are not waited for."""
        while self._waiting.left or any(batch for _, batch in self._under_way.values()):
            reference = self._next()
            actor, batch = self._under_way.pop(reference)
            rows = self._result(reference, batch)
            if actor not in self._started:
                self._started.add(actor)
                self._hand_out(actor, self._expert.threads)
            else:
                self._hand_out(actor, 1)
            yield from rows

    def stop(self) -> None:
        """End all workers."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors.clear()

    def _hand_out(self, actor: Any, count: int) -> None:
        """Give a worker batches; end it where there are none left, so that its room is free for
        one that has lost its node."""
        for _ in range(count):
            share = math.ceil(self._waiting.left / (2 * self._expert.parallel))
            if batch := self._waiting.take(max(1, min(self._size, share))):
                self._under_way[actor.ask.remote(batch)] = (actor, batch)
        if all(actor is not busy for busy, _ in self._under_way.values()):
            self._actors.remove(actor)
            self._ray.kill(actor)

    def _result(self, reference: Any, batch: list[Row]) -> list[Row]:
        """The outcomes of a batch. Raises ClusterError."""
        errors = self._ray.exceptions
        try:
            result = self._ray.get(reference)
        except errors.RayTaskError as error:
            if isinstance(error.cause, EdgeRouterError):
                raise error.cause from None
            raise ClusterError(f"a worker of {self._expert.name!r} failed: {error}") from error
        except errors.RayError as error:
            if not batch:
                said = " ".join(str(error).split())
                raise ClusterError(
                    f"a worker of {self._expert.name!r} cannot start: {said[-800:]}"
                ) from error
            return self._died(batch, error)
        if not batch:
            return []
        rows, seconds = result
        wanted = BATCH_S * len(batch) / max(seconds, 1e-3)
        self._size = int(max(1, min(wanted, 4 * self._size, MOST_ROWS)))
        own = map(stored, batch)  # texts that are here already, not those that came with the row
        return [row | question for row, question in zip(rows, own, strict=True)]

    def _died(self, batch: list[Row], error: Exception) -> list[Row]:
        """Ask the questions of a batch that killed its workers one by one; a single one failed."""
        log.warning("%s: %d questions lost their worker: %s", self._expert.name, len(batch), error)
        if len(batch) > 1:
            self._waiting.single += batch
            return []
        why = f"the worker that asked it died {TASK_RETRIES + 1} times"
        return [stored(batch[0]) | {"score": {}, "failed": {self._expert.name: why}}]

    def _next(self) -> Any:
        """The next reference that is done. Raises ClusterError where none will be."""
        idle_s = 0.0
        while True:
            done, _ = self._ray.wait(list(self._under_way), timeout=LOOK_S)
            if done:
                return done[0]
            idle_s += LOOK_S
            if idle_s >= NODE_S:
                self._require_room()
            if idle_s >= (PATIENCE_S if self._started else START_S):
                raise ClusterError(
                    f"no worker of {self._expert.name!r} answered for {idle_s:g} s; the cluster "
                    f"has {self._ray.available_resources().get('CPU', 0):g} CPUs free and a worker "
                    f"takes {self._expert.cpus:g}; join a node, or see what holds the others"
                )

    def _require_room(self) -> None:
        if not room_for(self._ray, self._expert.cpus):
            raise ClusterError(
                f"a worker of {self._expert.name!r} takes {self._expert.cpus:g} CPUs, and no node "
                "that is up has so many; join one with `ray start --address`, or lower n_threads"
            )

    def _pace(self) -> Any:
        """An actor that spaces the requests of all workers, on this node while it is up."""
        limit = self._expert.requests_per_minute
        if limit is None:
            return None
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self._ray.get_runtime_context().get_node_id()
        options = {
            "num_cpus": 0,
            "max_restarts": -1,
            "max_task_retries": -1,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=True),
        }
        actor = self._ray.remote(Pace).options(**options).remote(limit)
        self._actors.append(actor)
        return actor
