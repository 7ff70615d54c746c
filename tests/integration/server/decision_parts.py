"""`edge-router serve`, which at its end writes what each decision's time was made of.

Used by load.py: python -m tests.integration.server.decision_parts FILE serve ...

FILE gets a line for each decision, in milliseconds: its whole as in its record, its CPU, waiting
for a core that other threads or programs had (`run_delay` of the kernel), and waiting asleep, which
is for the interpreter's lock. Linux alone tells them apart.
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
from edge_router.routing.router import Router

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
    """Run the command with every decision timed, from its first step to the end of its last."""
    rows: list[tuple[float, float, float]] = []
    watch, now = Stopwatch(), threading.local()
    limits, route, decide = EdgeRouter._limits, Router.route, EdgeRouter._decide

    def first(self: EdgeRouter, constraints: Any) -> Any:
        now.cpu, now.waited = time.thread_time(), watch.waited_ms()
        return limits(self, constraints)

    def last(self: Router, *arguments: Any, **options: Any) -> Any:
        decision = route(self, *arguments, **options)
        now.waited, now.cpu = watch.waited_ms() - now.waited, time.thread_time() - now.cpu
        return decision

    def whole(self: EdgeRouter, *arguments: Any, **options: Any) -> Any:
        query = decide(self, *arguments, **options)
        rows.append((1e3 * query.router_s, 1e3 * now.cpu, now.waited))
        return query

    EdgeRouter._limits, EdgeRouter._decide = first, whole  # type: ignore[method-assign]
    Router.route = last  # type: ignore[method-assign]
    try:
        return main(sys.argv[2:])
    finally:
        lines = (f"{w:.4f} {c:.4f} {q:.4f} {max(0.0, w - c - q):.4f}" for w, c, q in rows)
        file.write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(watched(Path(sys.argv[1])))
