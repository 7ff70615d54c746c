"""`edge-router serve`, which at its end writes what each decision's time was made of.

Used by load.py: python -m tests.integration.server.decision_parts FILE serve ...

FILE gets a line for each decision, in milliseconds: the whole, its CPU, waiting for a core that
other threads or programs had (`run_delay` of the kernel), and waiting asleep, which is for the
interpreter's lock. Linux alone tells them apart.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from edge_router.cli.main import main
from edge_router.client.sync_client import EdgeRouter

NS_PER_MS = 1e6


class Stopwatch(threading.local):
    """The kernel's account of the thread that asks."""

    def __init__(self) -> None:
        self._file = Path("/proc/thread-self/schedstat").open("rb", buffering=0)  # noqa: SIM115

    def waited_ms(self) -> float:
        """How long this thread has waited for a core so far."""
        return int(os.pread(self._file.fileno(), 100, 0).split()[1]) / NS_PER_MS


def watched(file: Path) -> int:
    """Run the command with every decision timed."""
    rows: list[tuple[float, float, float]] = []
    watch, decide = Stopwatch(), EdgeRouter._decide

    def timed(self: EdgeRouter, *arguments: Any, **options: Any) -> Any:
        waited, cpu, started = watch.waited_ms(), time.thread_time(), time.monotonic()
        try:
            return decide(self, *arguments, **options)
        finally:
            whole, used = time.monotonic() - started, time.thread_time() - cpu
            rows.append((1e3 * whole, 1e3 * used, watch.waited_ms() - waited))

    EdgeRouter._decide = timed  # type: ignore[method-assign]
    try:
        return main(sys.argv[2:])
    finally:
        lines = (f"{w:.4f} {c:.4f} {q:.4f} {max(0.0, w - c - q):.4f}" for w, c, q in rows)
        file.write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(watched(Path(sys.argv[1])))
