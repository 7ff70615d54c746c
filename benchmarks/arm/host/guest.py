"""Guest: a Python on a real or an emulated machine, and how the router is run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from ..errors import GuestFailed
from .tools import last_words

__all__ = ["ENVIRONMENT", "NATIVE", "Guest", "exit_in_words", "staged_runtime"]

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # so that counts repeat
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True, slots=True)
class Guest:
    """The command that starts the machine's Python, and the folders first on its import path."""

    name: str
    command: tuple[str, ...]
    packages: tuple[Path, ...] = ()

    def run(self, job: Mapping[str, Any], *, timeout_s: float) -> Iterator[Mapping[str, Any]]:
        """The lines that `inside.py` writes for `job`, as they arrive. Raises GuestFailed.

        Kills the machine after `timeout_s`, or when the caller stops reading.
        """
        with staged_runtime() as runtime, tempfile.TemporaryFile("w+") as said:
            process = self._start(runtime, said)
            deadline = threading.Timer(timeout_s, process.kill)
            deadline.start()
            try:
                yield from self._lines(process, job)
                ended = process.wait()
            finally:
                deadline.cancel()
                process.kill()
                process.wait()
            if ended != 0:
                said.seek(0)
                raise GuestFailed(
                    f"{self.name}: {exit_in_words(ended)} ({last_words(said.read())})"
                )

    def _start(self, runtime: Path, said: IO[str]) -> subprocess.Popen[str]:
        paths = os.pathsep.join(str(path) for path in (runtime, *self.packages))
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(runtime), "PYTHONPATH": paths}
        script = str(files(__package__) / "inside.py")
        return subprocess.Popen(
            [*self.command, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=env | ENVIRONMENT,
        )

    def _lines(
        self, process: subprocess.Popen[str], job: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError), process.stdin as stdin:  # its exit status will say why
            json.dump(job, stdin)
        with process.stdout as stdout:
            for line in stdout:
                yield self._parsed(line)

    def _parsed(self, line: str) -> Mapping[str, Any]:
        try:
            reply = json.loads(line)
        except ValueError:
            raise GuestFailed(f"{self.name}: {line.strip()[:200]!r} is no result") from None
        if not isinstance(reply, dict):
            raise GuestFailed(f"{self.name}: {line.strip()[:200]!r} is no result")
        return reply


NATIVE = Guest("native", (sys.executable,))


def exit_in_words(status: int) -> str:
    """An exit status in words; after a crash or a kill, the signal."""
    if status == -9:
        return "stopped, it took too long"
    return f"killed by signal {-status}" if status < 0 else f"ended with exit status {status}"


@contextmanager
def staged_runtime() -> Iterator[Path]:
    """A folder for PYTHONPATH with edge_router alone, as an installed wheel has it.

    Another Python cannot use the mapping of an editable install.
    """
    with tempfile.TemporaryDirectory(prefix="edge-router-") as folder:
        package = Path(folder) / "edge_router"
        package.mkdir()
        for entry in Path(str(files("edge_router"))).iterdir():
            if entry.name != "__pycache__":
                (package / entry.name).symlink_to(entry)
        if not (package / "models").exists():
            (package / "models").symlink_to(str(files("edge_router.models")))
        yield Path(folder)
