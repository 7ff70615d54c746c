"""Memory that a model leaves in this process when it is unloaded, given back to the system."""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["release_memory", "share_heap"]

ARENA_MAX = -8  # mallopt(3)
MAPPINGS = Path("/proc/self/smaps")


def share_heap() -> None:
    """Have threads that begin later take memory from the main heap, for a process of our own, where
    the C library is glibc and the user has not said otherwise.

    glibc gives each thread a heap. A model's threads leave theirs in pieces, which nobody else uses
    and which cannot be given back: about 5 MB of an unloaded model's, and 9 after some loads. It
    holds for the whole process and for good, so a program of somebody else's decides itself, by
    the variable MALLOC_ARENA_MAX.
    """
    told = any(name in os.environ for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES"))
    if sys.platform.startswith("linux") and not told:
        with suppress(OSError, AttributeError):  # another C library
            library = ctypes.CDLL(None)
            _ = library.gnu_get_libc_version
            library.mallopt(ARENA_MAX, 1)


def release_memory(module: str) -> None:
    """Give back to the system what a model that was closed leaves in this process, on Linux.

    The C library's free memory, and the pages of the engine `module`'s libraries: 11 MB of
    xllamacpp, 4 MB of llama-cpp-python. Those are read from the files again when they are needed.
    """
    if not sys.platform.startswith("linux"):
        return
    spec = importlib.util.find_spec(module)
    if spec is not None and spec.origin is not None:
        with suppress(OSError, AttributeError):  # a system that does not show its mappings
            _release_pages(Path(spec.origin).parent)
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)


def _release_pages(folder: Path) -> None:
    advise = ctypes.CDLL(None).madvise
    with MAPPINGS.open(encoding="utf-8", errors="replace") as mappings:
        for start, end in list(_unchanged_pages(mappings, folder)):
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _unchanged_pages(mappings: Iterable[str], folder: Path) -> Iterator[tuple[int, int]]:
    """Where files of `folder` are mapped read-only, each with its first address and the one behind
    its last, where no page differs from the file: those can be read again.

    Linux writes a mapping as a line of its addresses, rights and file, then lines of its sizes.
    What was relocated or patched counts as anonymous.
    """
    place: tuple[int, int] | None = None
    for line in mappings:
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            rights, _, file = rest.partition(" ")
            start, _, end = name.partition("-")
            ours = f"{folder}{os.sep}" in file and "w" not in rights
            place = (int(start, 16), int(end, 16)) if ours else None
        elif name == "Anonymous:" and place is not None and rest.split()[0] == "0":
            yield place
