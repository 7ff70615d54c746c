"""Run a probe or an adapter in a new process, as a user's first call runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from edge_router.errors import EdgeRouterError

__all__ = [
    "ProbeFailed",
    "first_line",
    "probe",
    "quiet_environment",
    "script",
    "seconds_to_first_line",
]

PROBES = Path(str(files("edge_router.benchmarks"))) / "probes"
TIMEOUT_S = 600


class ProbeFailed(EdgeRouterError):
    """A measuring process failed; the message is its last line."""


def probe(name: str, *arguments: str) -> Any:
    """The JSON value that `probes/NAME.py` prints, run by this Python in a new process."""
    done = subprocess.run(
        script(name, *arguments),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env=quiet_environment(),
    )
    if done.returncode != 0:
        raise ProbeFailed(f"probe {name}: {_last_line(done.stderr)}")
    return json.loads(done.stdout.splitlines()[-1])


def seconds_to_first_line(command: Sequence[str]) -> float:
    """Seconds from starting a process until it writes its first line, or ends without one."""
    return first_line(command)[0]


def first_line(command: Sequence[str]) -> tuple[float, str]:
    """Those seconds, and the line. Raises ProbeFailed if the process ends with an error."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=quiet_environment()
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        elapsed = time.perf_counter() - start
        process.stdout.read()
    if process.returncode != 0:
        raise ProbeFailed(f"{Path(command[0]).name} ended with code {process.returncode}")
    return elapsed, line.decode()


def script(name: str, *arguments: str) -> list[str]:
    """The command that runs `probes/NAME.py`."""
    # -P: a probe's own folder must not shadow what it imports
    return [sys.executable, "-P", str(PROBES / f"{name}.py"), *arguments]


def quiet_environment() -> dict[str, str]:
    """This process's environment without user settings that would change the measurement."""
    return {k: v for k, v in os.environ.items() if not k.startswith("EDGE_ROUTER_")}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
