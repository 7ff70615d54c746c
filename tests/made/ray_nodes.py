"""Nodes of a Ray cluster as processes on this machine, ordered about by lines of standard input.

Prints the cluster's address. "join CPUS" adds a node and prints its number, "kill NUMBER" ends one
with SIGKILL; the end of the input ends all. The head has no CPUs of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOOPBACK = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
QUICK = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "3",
    "RAY_worker_niceness": "0",  # 15 without: a busy machine would starve the workers
}


class Nodes:
    """The other end of the pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._line()

    def join(self, cpus: int = 1) -> int:
        """Start a node; returns its number."""
        self._say(f"join {cpus}")
        return int(self._line())

    def kill(self, number: int) -> None:
        """SIGKILL for a node and what runs on it."""
        self._say(f"kill {number}")
        self._line()

    def _say(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def ray_nodes() -> Iterator[Nodes]:
    """A cluster without workers yet, until the end of the context."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | LOOPBACK | QUICK,
    )
    try:
        yield Nodes(process)
    finally:
        process.communicate(timeout=60)


def main() -> None:
    """Obey the lines of standard input."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        os.environ["RAY_TMPDIR"] = folder
        from ray.cluster_utils import Cluster

        small = {"object_store_memory": 100_000_000, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
        nodes: list[object] = []
        print(cluster.address, flush=True)  # noqa: T201 - the pipe
        for line in sys.stdin:
            order, number = line.split()
            if order == "join":
                nodes.append(cluster.add_node(num_cpus=int(number), **small))
                print(len(nodes) - 1, flush=True)  # noqa: T201 - the pipe
            else:
                _kill(nodes[int(number)])
                print("killed", flush=True)  # noqa: T201 - the pipe
        cluster.shutdown()


def _kill(node: object) -> None:
    (raylet,) = node.all_processes["raylet"]  # type: ignore[attr-defined]
    children = Path(f"/proc/{raylet.process.pid}/task/{raylet.process.pid}/children")
    for pid in [raylet.process.pid, *map(int, children.read_text().split())]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
