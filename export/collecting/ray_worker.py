"""What runs in a Ray worker: one expert that answers batches of questions, and the shared pace."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_router.backends.base import Backend, Preloads
from edge_router.backends.deadline import Deadline
from edge_router.errors import BackendError, ConfigError, MissingExtra
from edge_router.learning.enrolment.asking import Retries
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.experts.expert import Pricing

from .outcome import Measure, outcome
from .ray_cluster import ClusterError, load_ray, require_version

__all__ = ["Order", "Worker"]

LOAD_S = 300.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do: open the expert's backend with `open`, and `measure` each question.

    `version` is that of Edge Router where the order comes from. `pace` is the handle of an actor
    that runs a `Pace` for all workers, None without a limit.
    """

    name: str
    open: Callable[[], Backend]
    pricing: Pricing | None
    retries: Retries
    version: str
    pace: Any = None
    measure: Measure = outcome


class Worker:
    """Answers for one expert. Its model is loaded once; safe to call from several threads."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._backend: Backend | None = None
        self._lock = threading.Lock()

    def ready(self) -> str:
        """Load the model; returns the node's name. Raises ClusterError, MissingExtra."""
        self._opened()
        return platform.node()

    def ask(self, rows: Sequence[Row]) -> tuple[list[Row], float]:
        """The outcome of each question, and the seconds that all of them took."""
        backend, order = self._opened(), self._order
        start = time.monotonic()
        outcomes = [
            order.measure(
                row,
                order.name,
                backend,
                pricing=order.pricing,
                retries=order.retries,
                pause=self._pause,
            )
            for row in rows
        ]
        return outcomes, time.monotonic() - start

    def _pause(self) -> float:
        pace = self._order.pace
        return float(load_ray().get(pace.pause.remote())) if pace is not None else 0.0

    def _opened(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = self._open()
            return self._backend

    def _open(self) -> Backend:
        order = self._order
        require_version(order.version)
        try:
            backend = order.open()
            if isinstance(backend, Preloads):
                backend.load(deadline=Deadline.after(LOAD_S))
        except (BackendError, ConfigError, MissingExtra) as error:
            raise ClusterError(
                f"node {platform.node()} cannot run the expert {order.name!r}: {error}; every node "
                "needs the same packages, model files and environment variables"
            ) from error
        return backend
