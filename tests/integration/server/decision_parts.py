"""`edge-router serve`, which at its end writes what each decision's time was made of.

Used by load.py: python -m tests.integration.server.decision_parts FILE serve ...

FILE gets a line for each decision, in milliseconds: the whole, its CPU, waiting for a core that
other threads or programs had (`run_delay` of the kernel), and waiting asleep, which is for the
interpreter's lock. Linux alone tells them apart.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from pathlib import Path
from typing import Any

from edge_router.cli.main import main
from edge_router.client.sync_client import EdgeRouter

NS_PER_MS = 1e6
LIBC = ctypes.PyDLL(None)


class Stopwatch(threading.local):
    """The kernel's account of the thread that asks."""

    def __init__(self) -> None:
        self._file = Path("/proc/thread-self/schedstat").open("rb", buffering=0)  # noqa: SIM115
        self._text = ctypes.create_string_buffer(100)

    def waited_ms(self) -> float:
        """How long this thread has waited for a core so far."""
        # Not os.pread, which lets go of the interpreter's lock and would wait for it again.
        LIBC.pread(self._file.fileno(), self._text, 100, ctypes.c_long(0))
        return int(self._text.value.split()[1]) / NS_PER_MS


def watched(file: Path) -> int:
    """Run the command with every decision timed."""
    rows: list[tuple[float, float, float]] = []
    watch, decide = Stopwatch(), EdgeRouter._decide

    def timed(self: EdgeRouter, *arguments: Any, **options: Any) -> Any:
        started, cpu, waited = time.monotonic(), time.thread_time(), watch.waited_ms()
        try:
            return decide(self, *arguments, **options)
        finally:
            queued = watch.waited_ms() - waited  # within the other times: threads may switch here
            used, whole = time.thread_time() - cpu, time.monotonic() - started
            rows.append((1e3 * whole, 1e3 * used, queued))

    EdgeRouter._decide = timed  # type: ignore[method-assign]
    try:
        return main(sys.argv[2:])
    finally:
        lines = (f"{w:.4f} {c:.4f} {q:.4f} {max(0.0, w - c - q):.4f}" for w, c, q in rows)
        file.write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(watched(Path(sys.argv[1])))
