"""Watch the queries of a running client for drift, and warn once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edge_router.errors import ArtifactError, ConfigError
from edge_router.guards.forking import ForkSafeLock, renew_after_fork
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation, RoutedQuery

from .mmd_test import FALSE_ALARMS_ONE_TEST, LEAST_FALSE_ALARMS, LOOKS, DriftReference, _statistic
from .traffic import Traffic

__all__ = ["FALSE_ALARMS_STREAM", "DriftMonitor", "DriftVerdict", "DriftWatch", "verdicts"]


log = logging.getLogger("edge_router")

FALSE_ALARMS_STREAM = 0.001  # of each stretch: a client sees many, and nobody has asked
BATCH = LOOKS[0]  # every look comes after a multiple of it
CLOSING_S = 0.25  # a look that takes longer ends by itself


class DriftWatch:
    """Compares queries with those that `artifact` knows, BATCH by BATCH, beside the answers.

    Holds BATCH queries at most; those that come while as many still wait are not looked at. Of
    stretches of LOOKS[-1] queries that did not drift, FALSE_ALARMS_STREAM raise an alarm: one
    warning, and then the watch ends, as it does with an artifact that knows no queries. `make`
    makes the reference. Thread-safe; needs no disk.
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
        """Wait for a running comparison (about a second at most)."""
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
            message = self._finding(batch)
        except Exception as error:  # noqa: BLE001  the end of a thread: nobody else would hear
            message = f"drift of the queries is not watched: {type(error).__name__}: {error}"
        if message is not None:
            log.warning("%s", message)
        with self._lock:
            self._worker = None
            if message is not None:
                self._ended, self._waiting, self._monitor = True, [], None

    def _finding(self, batch: list[RoutedQuery]) -> str | None:
        """What there is to say, if anything."""
        try:
            monitor = self._monitor or DriftMonitor(
                self._make(self._artifact), false_alarms=FALSE_ALARMS_STREAM
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
            f"{verdict.words} This is said once; {FALSE_ALARMS_STREAM:.1%} of stretches of "
            f"{LOOKS[-1]} "
            "queries like the known ones say it too. Look again with edge-router drift, and "
            "calibrate on your own answers with edge-router calibrate --from-log"
        )


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What the last look said, over the first `queries` of a stretch; 0 before the first look.

    `statistic` is the largest of the stretch so far; above `threshold` it alarms, which a stretch
    that did not drift does with a chance of `false_alarms`, all its looks together. `lengths` is
    how many times as long as the known queries these are, `quality` how much better the profiles
    are expected to answer them, in points of 0..1.
    """

    queries: int
    statistic: float
    threshold: float
    p_value: float
    alarm: bool
    false_alarms: float
    lengths: float
    quality: float

    @property
    def words(self) -> str:
        """The verdict in one sentence."""
        if not self.queries:
            return f"Fewer than {LOOKS[0]} queries, too few to tell."
        points = round(100 * self.quality)  # an integer: "-0" is no news
        seen = f"The {self.queries} queries looked at"
        if not self.alarm:
            return f"{seen} are like the known ones (p = {self.p_value:.2g})."
        return (
            f"{seen} are not like the known ones (p = {self.p_value:.2g}): {self.lengths:.1f} "
            f"times as long, expected quality {points:+d} points; what the operating "
            "point promises may not hold for them."
        )


class DriftMonitor:
    """Fed one query at a time, it compares each stretch of LOOKS[-1] queries with the reference.

    Keeps sums only, so its memory does not grow, and the order between two looks does not count.
    Not thread-safe. Raises ConfigError for `false_alarms` outside 0.001..0.5.
    """

    def __init__(
        self, reference: DriftReference, *, false_alarms: float = FALSE_ALARMS_ONE_TEST
    ) -> None:
        if not LEAST_FALSE_ALARMS <= false_alarms <= 0.5:
            raise ConfigError(
                f"false_alarms is {false_alarms}; it must lie in {LEAST_FALSE_ALARMS}..0.5"
            )
        self._reference = reference
        self._false_alarms = false_alarms
        self._threshold = reference.threshold(false_alarms)
        self._verdict = DriftVerdict(
            0, 0.0, self._threshold, 1.0, False, false_alarms, lengths=1.0, quality=0.0
        )
        self._begin()

    def _begin(self) -> None:
        self._queries = 0
        self._statistic = 0.0
        self._features = np.zeros(len(self._reference.mean_features))
        self._log_characters = 0.0
        self._quality = 0.0

    def add(self, query: Representation, *, characters: int) -> bool:
        """Count a query whose last turn has so many characters; whether this was a look."""
        if self._queries == LOOKS[-1]:
            self._begin()
        one = Traffic.of_query(query, characters)
        self._queries += 1
        self._features += self._reference.features(one)[0]
        self._log_characters += float(np.log(max(1, characters)))
        self._quality += float(self._reference.view.qualities(one).mean())
        if self._queries not in LOOKS:
            return False
        self._look()
        return True

    def verdict(self) -> DriftVerdict:
        """Of the last look; it stands until the next one."""
        return self._verdict

    def _look(self) -> None:
        n, reference = self._queries, self._reference
        distance = self._features / n - reference.mean_features
        self._statistic = max(self._statistic, float(_statistic(distance, n)))
        self._verdict = DriftVerdict(
            n,
            self._statistic,
            self._threshold,
            reference.p_value(self._statistic),
            self._statistic > self._threshold,
            self._false_alarms,
            lengths=float(np.exp(self._log_characters / n)) / reference.characters,
            quality=self._quality / n - reference.quality,
        )


def verdicts(
    monitor: DriftMonitor, queries: Iterable[tuple[Representation, int]]
) -> list[DriftVerdict]:
    """The last verdict on each stretch of queries, each with the characters of its last turn; those
    after the last look are not judged. Raises ConfigError for too few queries."""
    last, number = {}, 0
    for number, (query, characters) in enumerate(queries, 1):
        if monitor.add(query, characters=characters):
            last[(number - 1) // LOOKS[-1]] = monitor.verdict()
    if not last:
        raise ConfigError(
            f"{number} queries are too few to tell; {LOOKS[0]} are needed, of a FILE or "
            "kept by the setting learn = true"
        )
    return list(last.values())
