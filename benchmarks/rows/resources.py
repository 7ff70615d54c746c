"""Memory and CPU time of a process, from /proc on Linux and system calls elsewhere."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from edge_router.device.machine import system_text

__all__ = ["cpu_seconds_of_run", "peak_bytes", "resident_bytes"]


def resident_bytes() -> int | None:
    """Resident memory of this process; None if unknown."""
    statm = system_text(Path("/proc/self/statm"))
    if statm is not None:
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return _windows_memory()[0]
    return _mac_resident() if sys.platform == "darwin" else None


def peak_bytes() -> int | None:
    """The highest `resident_bytes` so far."""
    for line in (system_text(Path("/proc/self/status")) or "").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return _windows_memory()[1]
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cpu_seconds_of_run() -> float:
    """CPU seconds of this process and of its children, those still running included."""
    times = os.times()
    ended = times.children_user + times.children_system
    return time.process_time() + ended + sum(_cpu_seconds(pid) for pid in _children(os.getpid()))


def _children(pid: int) -> list[int]:
    """All processes below `pid`; empty where the kernel does not list them."""
    pids: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in (system_text(children) or "").split():
            pids += [int(child), *_children(int(child))]
    return pids


def _cpu_seconds(pid: int) -> float:
    """User and system time; its name may hold blanks, so count from behind the last bracket."""
    stat = (system_text(Path(f"/proc/{pid}/stat")) or "").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") if stat else 0.0


def _mac_resident() -> int | None:
    """From `ps`, which costs a process but no package."""
    import subprocess

    command = ["/bin/ps", "-o", "rss=", "-p", str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    return int(done.stdout) * 1024 if done.stdout.strip().isdigit() else None


def _windows_memory() -> tuple[int, int]:
    """(working set, its peak), from GetProcessMemoryInfo."""
    import ctypes

    names = (
        "PageFaultCount PeakWorkingSetSize WorkingSetSize QuotaPeakPagedPoolUsage "
        "QuotaPagedPoolUsage QuotaPeakNonPagedPoolUsage QuotaNonPagedPoolUsage PagefileUsage "
        "PeakPagefileUsage"
    ).split()

    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", ctypes.c_uint32),
            (names[0], ctypes.c_uint32),
            *((name, ctypes.c_size_t) for name in names[1:]),
        ]

    counters = Counters()
    counters.cb = ctypes.sizeof(counters)
    windll = ctypes.windll  # type: ignore[attr-defined]
    process = ctypes.c_void_p(windll.kernel32.GetCurrentProcess())
    windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
    return int(counters.WorkingSetSize), int(counters.PeakWorkingSetSize)
