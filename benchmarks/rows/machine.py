"""What this machine is: read from /proc and /sys on Linux, from the system's own word elsewhere."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["board", "cpu_flags", "cpu_model", "governor", "memory_bytes", "read", "usable_cores"]

TOLD_FLAGS = frozenset(
    "sse4_2 avx avx2 avx_vnni avx512f avx512bw avx512_vnni avx512_bf16 amx_int8 fma f16c "
    "asimd asimdhp asimddp i8mm sve sve2 bf16 fphp".split()
)
CPU_PARTS = {"0xd03": "Cortex-A53", "0xd08": "Cortex-A72", "0xd0b": "Cortex-A76"}


def read(path: str) -> str | None:
    """A small text file's content; None where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return None


@cache
def cpu_model() -> str:
    """As the system calls it."""
    fields = _cpuinfo()
    if "model name" in fields:
        return fields["model name"]
    if "CPU part" in fields:
        part = fields["CPU part"]
        return CPU_PARTS.get(part, f"ARM part {part}")
    if sys.platform == "darwin":
        return _asked("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


@cache
def cpu_flags() -> tuple[str, ...]:
    """Those of the CPU's features on which int8 arithmetic depends; empty where unknown."""
    fields = _cpuinfo()
    found = (fields.get("flags") or fields.get("Features") or "").split()
    return tuple(sorted(TOLD_FLAGS & set(found)))


def _cpuinfo() -> dict[str, str]:
    """The fields of the first processor."""
    lines = (read("/proc/cpuinfo") or "").split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


@cache
def board() -> str | None:
    """The model of a single-board computer, such as "Raspberry Pi 5 Model B Rev 1.0"."""
    return read("/sys/firmware/devicetree/base/model") or read("/proc/device-tree/model")


def governor() -> str | None:
    """Who sets the CPU's frequency; None where the system does not tell."""
    return read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def memory_bytes() -> int | None:
    """Of the whole machine."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _asked(*command: str) -> str | None:
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
