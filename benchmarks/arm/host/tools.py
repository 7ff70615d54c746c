"""Find and run programs of the host; a failure quotes the last lines of their stderr."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from ..errors import EmulationError, HostUnsuitable

__all__ = ["check_host", "last_words", "run_tool"]

FIXES = {
    "apt-get": "use Debian or a system made from it",
    "dpkg-deb": "apt-get install dpkg",
    "cc": "apt-get install gcc libc6-dev",
}
X86 = ("x86_64", "amd64")


def check_host(
    system: str = sys.platform,
    architecture: str | None = None,
    *,
    tools: Sequence[str] = tuple(FIXES),
) -> None:
    """Raises HostUnsuitable unless this is Linux on x86 with the tools that are needed."""
    architecture = architecture or platform.machine()
    if system != "linux" or architecture.lower() not in X86:
        raise HostUnsuitable(
            f"the arm suite emulates on Linux x86-64, this is {system} {architecture}; on an ARM "
            "board run the other suites, they measure it itself"
        )
    for tool in tools:
        if shutil.which(tool) is None:
            raise HostUnsuitable(f"{tool} is not installed; {FIXES[tool]}")


def run_tool(
    command: Sequence[str],
    failure: type[EmulationError],
    fix: str,
    *,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 900,
) -> str:
    """Standard output of `command`. Raises `failure` for an error or a timeout."""
    name = " ".join(command[:2])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise failure(f"{name} took longer than {timeout_s:.0f} s; {fix}") from None
    except OSError as error:
        raise failure(f"{name} cannot be started ({error.strerror}); {fix}") from None
    if done.returncode != 0:
        raise failure(f"{name} failed ({last_words(done.stderr)}); {fix}")
    return done.stdout


def last_words(stderr: str, lines: int = 3) -> str:
    """The last lines of a failed program's stderr."""
    said = [line.strip() for line in stderr.splitlines() if line.strip()]
    return " | ".join(said[-lines:]) or "it said nothing"
