"""When a row must not be believed."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from edge_router.benchmarks.measuring.recorder import Recorder
from edge_router.benchmarks.rows.conditions import Conditions, faults
from edge_router.benchmarks.rows.row import Cell
from edge_router.benchmarks.rows.spread import Summary
from made_rows import CONTEXT, QUIET, later

CORES = os.cpu_count() or 1


def test_a_quiet_run_has_no_faults() -> None:
    """Our own work is no load."""
    assert faults(QUIET, later(2.0), Summary.of([1.0, 1.01, 0.99])) == ()


def test_work_of_others_is_a_load() -> None:
    """Busy time that is neither ours nor idle, as a share of all cores."""
    busy = (QUIET.busy_s or 0.0) + 2.0 + 0.5 * 2.0 * CORES
    (message,) = faults(QUIET, later(2.0, busy_s=busy))
    assert message == "loaded: other processes used 50% of the CPUs"


def test_a_hypervisor_that_takes_time_is_a_load() -> None:
    """Two per cent of the cores' time are enough."""
    (message,) = faults(QUIET, later(2.0, steal_s=(QUIET.steal_s or 0.0) + 0.1 * 2.0 * CORES))
    assert message == "loaded: the hypervisor took 10% of the CPUs"


def test_without_counters_the_load_average_decides() -> None:
    """As on macOS; of the moment before, since ours adds to it later."""
    before = replace(QUIET, busy_s=None, steal_s=None, load_1m=CORES + 1.0)
    (message,) = faults(before, later(2.0, busy_s=None, load_1m=0.0))
    assert message.startswith("loaded: the load average was")
    assert faults(replace(before, load_1m=0.2), later(2.0, busy_s=None)) == ()


@pytest.mark.parametrize(
    ("before", "after", "bad"),
    [
        (0x0, 0x0, False),
        (0x50000, 0x50000, False),  # it happened, but long ago
        (0x0, 0x50000, True),  # it happened while we measured
        (0x0, 0x4, True),
        (0x1, 0x0, True),
    ],
)
def test_the_bits_of_a_pi_show_throttling(before: int, after: int, bad: bool) -> None:
    """Low bits are now, high bits since boot."""
    message = faults(replace(QUIET, throttled=before), later(2.0, throttled=after))
    assert [one.partition(":")[0] for one in message] == ["throttled"] * bad


def test_a_falling_frequency_shows_throttling() -> None:
    """A governor that speeds up is none."""
    (message,) = faults(QUIET, later(2.0, frequency_mhz=1200.0))
    assert message == "throttled: the CPU went from 2400 to 1200 MHz"
    assert faults(replace(QUIET, frequency_mhz=600.0), later(2.0)) == ()


def test_samples_that_scatter_are_noisy() -> None:
    """Median 2, deviation 1: half of the median."""
    (message,) = faults(QUIET, later(2.0), Summary.of([1.0, 2.0, 3.0]))
    assert message == "noisy: the samples scatter by 50% of the median"


def test_this_machine_answers() -> None:
    """Counters never run backwards, and our own work is counted as ours."""
    before = Conditions.now()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    after = Conditions.now()
    assert after.monotonic_s > before.monotonic_s
    assert after.ours_s - before.ours_s >= 0.05
    if before.busy_s is not None and after.busy_s is not None:
        assert after.busy_s >= before.busy_s


def test_what_is_counted_may_be_counted_beside_other_work() -> None:
    """A load is a fault of a timed cell only."""
    recorder = Recorder(CONTEXT, replace(QUIET, busy_s=-1e9, load_1m=99.0))
    timed, counted = Cell("latency", "whole"), Cell("arm", "encode", "instructions", exact=True)
    first, last = recorder.rows({timed: [1.0], counted: [1.0]}, warm_up=0)
    assert first.faults
    assert last.valid
