"""The drift monitor of a client: warns once, bounded, beside the answers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from forks import warnings_of_forks

from edge_router.errors import ArtifactIncompatible
from edge_router.learning.drift.mmd_test import LOOKS, DriftReference
from edge_router.learning.drift.monitor import BATCH, DriftWatch
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import RoutedQuery
from made_traffic import KNOWN, queries


def watched(found: list[RoutedQuery], watch: DriftWatch) -> None:
    """Waits for each comparison, so that none is skipped."""
    for query in found:
        watch.add(query)
        while watch._worker is not None:
            watch.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_drift_is_said_once_with_the_command(
    artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """At the first look, with its rate of false alarms, and never again."""
    watch = DriftWatch(artifact, make=lambda _: KNOWN)
    watched(queries(artifact, 3 * LOOKS[-1], shift=1.5), watch)
    (told,) = warnings(caplog)
    assert told.startswith(f"The {LOOKS[0]} queries looked at are not like the known ones")
    assert "0.1% of stretches of 200 queries like the known ones say it too" in told
    assert "Look again with edge-router drift" in told


def test_queries_like_the_known_ones_are_not_spoken_of(
    artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """Stretch after stretch."""
    watched(queries(artifact, 2 * LOOKS[-1]), DriftWatch(artifact, make=lambda _: KNOWN))
    assert warnings(caplog) == []


def test_a_drift_that_comes_later_is_seen(
    artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """In the stretch after."""
    watch = DriftWatch(artifact, make=lambda _: KNOWN)
    watched(queries(artifact, LOOKS[-1]), watch)
    assert warnings(caplog) == []
    watched(queries(artifact, LOOKS[-1], shift=1.5), watch)
    assert len(warnings(caplog)) == 1


def test_nobody_waits_for_a_look_and_nothing_piles_up(artifact: RouterArtifact) -> None:
    """While one is under way a batch may wait, and no more; it is looked at afterwards."""
    go, looks = threading.Event(), list[int]()

    def slowly(_: RouterArtifact) -> DriftReference:
        looks.append(1)
        assert go.wait(60)
        return KNOWN

    watch = DriftWatch(artifact, make=slowly)
    for query in queries(artifact, 5 * BATCH):
        watch.add(query)
    assert (len(watch._waiting), looks) == (BATCH, [1])
    go.set()
    watch.close()
    watch.add(queries(artifact, 1)[0])
    watch.close()
    assert (len(watch._waiting), looks) == (0, [1])


def test_an_artifact_that_knows_no_queries_is_said_once(
    artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """And not tried again."""
    tried = []

    def none(found: RouterArtifact) -> Any:
        tried.append(found)
        raise ArtifactIncompatible("it carries no known queries")

    watched(queries(artifact, 3 * BATCH), DriftWatch(artifact, make=none))
    assert warnings(caplog) == ["drift of the queries is not watched: it carries no known queries"]
    assert len(tried) == 1


def test_few_queries_start_nothing(artifact: RouterArtifact) -> None:
    """Neither a thread nor a reference."""
    watch = DriftWatch(artifact, make=lambda _: pytest.fail("made"))
    watched(queries(artifact, BATCH - 1), watch)
    assert watch._worker is None


def test_a_look_that_fails_ends_the_watch_and_says_so_once(
    artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever went wrong: no traceback of a thread."""

    def broken(_: RouterArtifact) -> Any:
        raise MemoryError("no room")

    watched(queries(artifact, 3 * BATCH), DriftWatch(artifact, make=broken))
    assert warnings(caplog) == ["drift of the queries is not watched: MemoryError: no room"]


def test_closing_does_not_wait_for_a_long_look(artifact: RouterArtifact) -> None:
    """It ends by itself."""
    go_on = threading.Event()

    def slow(_: RouterArtifact) -> DriftReference:
        go_on.wait(10)
        return KNOWN

    watch = DriftWatch(artifact, make=slow)
    for query in queries(artifact, BATCH):
        watch.add(query)
    start = time.monotonic()
    watch.close()
    assert time.monotonic() - start < 2
    go_on.set()


NO_THREADS = """
import resource, sys, threading
sys.path.insert(0, sys.argv[1])
from made_traffic import queries, KNOWN
from edge_router.learning.drift.monitor import DriftWatch, BATCH
from edge_router.routing.artifact.manifest import RouterArtifact
artifact = RouterArtifact.load("router-small")
found = queries(artifact, 2 * BATCH)
watch = DriftWatch(artifact, make=lambda _: KNOWN)
threading.stack_size(2**30)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, -1))
for query in found:
    watch.add(query)
watch.close()
print(watch._worker)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no such limit there")
def test_where_no_thread_can_be_started_answers_go_on() -> None:
    """The queries are not looked at."""
    done = subprocess.run(
        [sys.executable, "-c", NO_THREADS, str(Path(__file__).parents[3] / "made")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "None\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_forked_child_watches_by_itself(artifact: RouterArtifact) -> None:
    """Also where the parent was in the middle of a look."""
    go_on = threading.Event()

    def slow(_: RouterArtifact) -> DriftReference:
        go_on.wait(10)
        return KNOWN

    watch = DriftWatch(artifact, make=slow)
    found = queries(artifact, 2 * BATCH)
    for query in found[:BATCH]:
        watch.add(query)
    with warnings_of_forks():
        child = os.fork()
    if child == 0:
        go_on.set()
        for query in found[BATCH:]:
            watch.add(query)
        until = time.monotonic() + 10
        while watch._worker is not None and time.monotonic() < until:
            time.sleep(0.01)
        os._exit(int(watch._monitor is None or watch._worker is not None))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    watch.close()
