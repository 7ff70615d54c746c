"""The processes of models, as Linux lists them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["LINUX_ONLY", "model_processes", "wait_until"]

LINUX_ONLY = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are listed otherwise"
)


def model_processes(parent: int | None = None) -> list[int]:
    """Those that this process has started, or another `parent`; without the dead."""
    wanted = os.getpid() if parent is None else parent
    listed = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if int(ppid) == wanted and state != "Z" and b"serve_model" in command:
            listed.append(int(folder.name))
    return listed


def wait_until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    """Fails when it is not done by then."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.005)
