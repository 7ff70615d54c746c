"""The machine as a row describes it, read once a run by `edge_router.device.machine`."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache

from edge_router.device.machine import this_device

__all__ = ["board", "cpu_flags", "cpu_model", "governor", "memory_bytes", "usable_cores"]

INT8_FLAGS = frozenset(
    "sse4_2 avx avx2 avx_vnni avx512f avx512bw avx512_vnni avx512_bf16 amx_int8 fma f16c "
    "asimd asimdhp asimddp i8mm sve sve2 bf16 fphp".split()
)


@cache
def cpu_model() -> str:
    """The processor's name; of an ARM processor that of its core."""
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return this_device().hardware().core or this_device().info().processor


@cache
def cpu_flags() -> tuple[str, ...]:
    """The CPU's features on which int8 arithmetic depends; empty where unknown."""
    return tuple(sorted(INT8_FLAGS & this_device().hardware().flags))


@cache
def board() -> str | None:
    """The model of a single-board computer, such as "Raspberry Pi 5 Model B Rev 1.0"."""
    return this_device().hardware().board


def governor() -> str | None:
    """The governor of the CPU's frequency; None if unknown."""
    return this_device().info().governor


def usable_cores() -> int:
    """Cores that this process may use."""
    return this_device().info().cores


@cache
def memory_bytes() -> int | None:
    """Memory of the whole machine; None if unknown."""
    if (memory := this_device().info().memory_bytes) is not None:
        return memory
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
