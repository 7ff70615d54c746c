"""A watch on the queries of a running client: it says once if they have drifted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .artifact import RouterArtifact
from .drift import LOOKS, DriftMonitor, DriftReference
from .errors import ArtifactError
from .forking import ForkSafeLock, renew_after_fork
from .grounds import RoutedQuery

__all__ = ["FALSE_ALARMS", "DriftWatch"]

log = logging.getLogger("edge_router")

FALSE_ALARMS = 0.001  # of each stretch: a client sees many, and nobody has asked
BATCH = LOOKS[0]  # every look comes after a multiple of it
CLOSING_S = 0.25  # a look that takes longer ends by itself


class DriftWatch:
    """Compares queries with those that `artifact` knows, BATCH by BATCH, beside the answers.

    Holds BATCH queries at most; those that come while as many still wait are not looked at. Of
    stretches of LOOKS[-1] queries that did not drift, FALSE_ALARMS raise an alarm. It is said as
    one warning, and then the watch ends, as it does with an artifact that knows no queries.
    `make` makes the reference. Thread-safe; needs no disk.
    """

    def __init__(
        self,
        artifact: RouterArtifact,
        *,
        make: Callable[[RouterArtifact], DriftReference] = DriftReference.of,
    ) -> None:
        self._artifact = artifact
        self._make = make
        self._monitor: DriftMonitor | None = None
        self._lock = ForkSafeLock()
        self._waiting: list[RoutedQuery] = []
        self._worker: threading.Thread | None = None
        self._ended = False
        renew_after_fork(self)

    def add(self, query: RoutedQuery) -> None:
        """Count a query; takes about a microsecond, and to start a thread once in BATCH. Where no
        thread can be started, these queries are not looked at."""
        with self._lock:
            if self._ended:
                return
            if len(self._waiting) < BATCH:
                self._waiting.append(query)
            if len(self._waiting) < BATCH or self._worker is not None:
                return
            batch, self._waiting = self._waiting, []
            worker = self._worker = threading.Thread(
                target=self._look, args=(batch,), name="edge-router-drift", daemon=True
            )
        try:
            worker.start()
        except RuntimeError:  # no thread left, or the interpreter is ending
            with self._lock:
                self._worker = None

    def close(self) -> None:
        """Wait a moment for a look that is under way; nothing is lost with it."""
        with self._lock:
            worker = self._worker
        if worker is not None and worker.is_alive():
            worker.join(CLOSING_S)

    def after_fork(self) -> None:
        """The worker is the parent's, and so are the sums that it was adding to."""
        if self._worker is not None:
            self._worker = self._monitor = None

    def _look(self, batch: list[RoutedQuery]) -> None:
        try:
            told = self._finding(batch)
        except Exception as error:  # noqa: BLE001  the end of a thread: nobody else would hear
            told = f"drift of the queries is not watched: {type(error).__name__}: {error}"
        if told is not None:
            log.warning("%s", told)
        with self._lock:
            self._worker = None
            if told is not None:
                self._ended, self._waiting, self._monitor = True, [], None

    def _finding(self, batch: list[RoutedQuery]) -> str | None:
        """What there is to say, if anything."""
        try:
            monitor = self._monitor or DriftMonitor(
                self._make(self._artifact), false_alarms=FALSE_ALARMS
            )
        except ArtifactError as error:
            return f"drift of the queries is not watched: {error}"
        self._monitor = monitor
        for query in batch:
            monitor.add(query.representation, characters=query.characters)
        verdict = monitor.verdict()
        if not verdict.alarm:
            return None
        return (
            f"{verdict.words} This is said once; {FALSE_ALARMS:.1%} of stretches of {LOOKS[-1]} "
            "queries like the known ones say it too. Look again with edge-router drift, and "
            "calibrate on your own answers with edge-router calibrate --from-log"
        )
