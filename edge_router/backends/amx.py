"""llama.cpp's kernels for Intel's AMX tiles, which end the process where they run, switched off.

llama.cpp as of llama-cpp-python 0.3.36, built with gcc 12 on a Xeon with AMX, hands the processor a
tile configuration that it refuses: a segmentation fault at the first token (seen with SmolLM2-135M
in Q4_1). llama-cpp-python has no argument for it, so the default parameters are changed while a
model loads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["has_amx", "without_amx"]


@cache
def has_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU has AMX, where the system tells; elsewhere it has not."""
    try:
        return "amx_int8" in cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False


@contextmanager
def without_amx(llama_cpp: Any, *, needed: bool | None = None) -> Iterator[None]:
    """Models that load meanwhile do without AMX, where this CPU has it (or where it is `needed`).

    Not thread-safe: one model loads at a time.
    """
    bindings = llama_cpp.llama_cpp
    defaults = bindings.llama_model_default_params

    def plain() -> Any:
        found = defaults()
        found.use_extra_bufts = False
        return found

    if has_amx() if needed is None else needed:
        bindings.llama_model_default_params = plain
    try:
        yield
    finally:
        bindings.llama_model_default_params = defaults
