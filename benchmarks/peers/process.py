"""A running contender: one line of JSON in, one line out, without network."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..measuring.processes import ProbeFailed, quiet_environment
from .contender import Contender
from .environment import Environment

__all__ = ["PeerProcess", "command", "network_is_off"]

HARNESS = Path(__file__).with_name("harness.py")


@cache
def network_is_off() -> bool:
    """Whether this system lets us start a process that has no network."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    return (
        subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0
    )


def command(contender: Contender, environment: Environment, *arguments: str) -> list[str]:
    """The command that starts the contender's harness."""
    alone = ["unshare", "-rn"] if network_is_off() else []
    python = [str(environment.python), "-I", str(HARNESS), str(contender.adapter_path)]
    return [*alone, *python, *arguments]


class PeerProcess:
    """A process started on creation; its adapter is loaded by the first answer."""

    def __init__(self, contender: Contender, environment: Environment) -> None:
        self.name = contender.name
        self._process = subprocess.Popen(
            command(contender, environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=quiet_environment(),
        )
        self.import_s = float(self._answer()["import_s"])

    def ask(self, do: str, **details: Any) -> Any:
        """One command of the harness and its answer. Raises ProbeFailed if the peer has died."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ProbeFailed(f"{self.name} has ended") from None
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()  # waits for it and closes its pipes
            code = self._process.returncode
            raise ProbeFailed(f"{self.name} ended with code {code} instead of answering")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
