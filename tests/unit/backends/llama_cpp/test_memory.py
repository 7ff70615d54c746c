"""Which pages of an engine's libraries are given back when its model is unloaded."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from edge_router.backends.llama_cpp.memory import _release_pages, _unchanged_pages

FOLDER = Path("/site-packages/engine")


def mapped(place: str, rights: str, file: str, anonymous: int) -> list[str]:
    """A mapping as Linux writes it, shortened."""
    sizes = [f"Rss: {anonymous + 8} kB", f"Anonymous: {anonymous} kB", "AnonHugePages: 0 kB"]
    return [f"{place} {rights} 00000000 fe:00 59 {file}", *sizes, "VmFlags: rd ex mr mw me"]


def test_only_pages_that_equal_the_file_are_given_back() -> None:
    """Not what was relocated or can be written to, and nobody else's libraries."""
    lines = [
        *mapped("1000-2000", "r-xp", f"{FOLDER}/lib/engine.so", 0),
        *mapped("2000-3000", "r--p", f"{FOLDER}/lib/engine.so", 4),
        *mapped("3000-4000", "rw-p", f"{FOLDER}/lib/engine.so", 0),
        *mapped("4000-5000", "r-xp", "/site-packages/engine2/other.so", 0),
        *mapped("5000-6000", "rw-p", "", 0),
        *mapped("7f00a000-7f00c000", "r--p", f"{FOLDER}/with a blank.so", 0),
    ]
    assert list(_unchanged_pages(lines, FOLDER)) == [(0x1000, 0x2000), (0x7F00A000, 0x7F00C000)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells its mappings")
def test_a_library_works_on_after_its_pages_went() -> None:
    """They come from the file again: here those of a library of Python's own."""
    import _ctypes

    _release_pages(Path(_ctypes.__file__).parent)
    assert ctypes.c_int(7).value == 7
    assert ctypes.sizeof(ctypes.c_longlong) == 8
