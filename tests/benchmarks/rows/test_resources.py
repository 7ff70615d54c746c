"""Memory and CPU time of a process, as this system reports them."""

from __future__ import annotations

import mmap
import subprocess
import sys

import pytest

from edge_router.benchmarks.rows.resources import cpu_seconds_of_run, peak_bytes, resident_bytes

MB = 2**20
BURN = """
import sys, time
while time.process_time() < 0.2: pass
print(flush=True)
sys.stdin.read()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_memory_that_is_used_is_seen() -> None:
    """And the peak remembers it."""
    before = resident_bytes()
    with mmap.mmap(-1, 64 * MB) as block:  # fresh pages: a heap may have some left over
        block.write(b"x" * len(block))
        during, peak = resident_bytes(), peak_bytes()
    assert before is not None
    assert during is not None
    assert peak is not None
    assert during - before > 48 * MB
    assert peak >= before + 48 * MB


@linux
def test_a_child_that_still_runs_is_counted() -> None:
    """Else its work would pass for that of others."""
    before = cpu_seconds_of_run()
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_seconds_of_run() - before > 0.15
    assert cpu_seconds_of_run() - before > 0.15  # and once it has ended
