"""The conditions of a run: counters before and after, and the faults that they reveal."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_router.device.machine import system_text, this_device

from .machine import usable_cores
from .resources import cpu_seconds_of_run
from .spread import Summary

__all__ = ["Conditions", "faults"]

MAX_OTHERS = 0.10  # of all cores' time, used by other processes
MAX_STEAL = 0.02  # of all cores' time, taken by the hypervisor
MAX_SPREAD = 0.10  # median absolute deviation over median
MIN_FREQUENCY = 0.80  # of the frequency before, while the CPU was busy until now
SHORT_S = 0.2  # the counters' step is 10 ms: over less time their shares say nothing
THROTTLED_NOW = 0xF  # under-voltage, frequency capped, throttled, soft temperature limit
THROTTLED_SINCE_BOOT = 0xF0000


@dataclass(frozen=True, slots=True)
class Conditions:
    """Load of the machine at one moment; None for what the system does not report.

    `busy_s` and `steal_s` are CPU seconds of all processes since boot, `ours_s` those of this
    process and its children. `throttled` are the bits of `vcgencmd get_throttled`.
    """

    monotonic_s: float
    load_1m: float | None
    busy_s: float | None
    steal_s: float | None
    ours_s: float
    frequency_mhz: float | None
    temperature_c: float | None
    throttled: int | None

    @classmethod
    def now(cls) -> Self:
        counters = this_device().counters()
        return cls(
            monotonic_s=time.monotonic(),
            load_1m=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            busy_s=counters.busy_s,
            steal_s=counters.steal_s,
            ours_s=cpu_seconds_of_run(),
            frequency_mhz=counters.frequency_mhz,
            temperature_c=counters.temperature_c,
            throttled=_throttled(),
        )


def _throttled() -> int | None:
    """The Raspberry Pi's throttle bits, from the kernel or `vcgencmd`."""
    files = Path("/sys/devices/platform").glob("*/*firmware/get_throttled")
    bits = next((system_text(file) for file in files), None)
    if bits is None and (program := shutil.which("vcgencmd")) is not None:
        command = [program, "get_throttled"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        bits = done.stdout.strip().rpartition("=")[2]
    try:
        return int(bits, 16) if bits else None
    except ValueError:
        return None


def faults(
    before: Conditions, after: Conditions, summary: Summary | None = None
) -> tuple[str, ...]:
    """Reasons to distrust a row measured between two moments; empty for a quiet machine.

    `summary` is of samples whose spread matters, else None.
    """
    reasons = [*_loaded(before, after), *_throttling(before, after)]
    if summary is not None and summary.mad > MAX_SPREAD * abs(summary.p50):
        reasons.append(
            f"noisy: the samples scatter by {summary.mad / summary.p50:.0%} of the median"
        )
    return tuple(reasons)


def _loaded(before: Conditions, after: Conditions) -> list[str]:
    seconds = (after.monotonic_s - before.monotonic_s) * (os.cpu_count() or 1)
    if before.busy_s is None or after.busy_s is None or seconds < SHORT_S:
        return _loaded_by_average(before)
    others = (after.busy_s - before.busy_s - (after.ours_s - before.ours_s)) / seconds
    stolen = ((after.steal_s or 0.0) - (before.steal_s or 0.0)) / seconds
    reasons = []
    if others > MAX_OTHERS:
        reasons.append(f"loaded: other processes used {others:.0%} of the CPUs")
    if stolen > MAX_STEAL:
        reasons.append(f"loaded: the hypervisor took {stolen:.0%} of the CPUs")
    return reasons


def _loaded_by_average(before: Conditions) -> list[str]:
    """The fault by load average, for systems without CPU time or with too little of it."""
    limit = max(1.0, usable_cores() / 2)
    if before.load_1m is not None and before.load_1m > limit:
        return [f"loaded: the load average was {before.load_1m:.1f}"]
    return []


def _throttling(before: Conditions, after: Conditions) -> list[str]:
    reasons = []
    bits = (before.throttled or 0, after.throttled or 0)
    fresh = (bits[1] & ~bits[0]) & THROTTLED_SINCE_BOOT
    if (bits[0] | bits[1]) & THROTTLED_NOW or fresh:
        reasons.append(f"throttled: get_throttled went from {bits[0]:#x} to {bits[1]:#x}")
    first, last = before.frequency_mhz, after.frequency_mhz
    if first and last and last < MIN_FREQUENCY * first:
        reasons.append(f"throttled: the CPU went from {first:.0f} to {last:.0f} MHz")
    return reasons
