"""A fresh environment for each contender, kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from edge_router.guards.user_files import xdg_folder

from ..measuring.processes import ProbeFailed
from .contender import Contender

__all__ = ["Environment", "default_cache", "prepare"]

DONE = "installed"


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with a Python that sees the contender's packages and nothing else."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def packages(self) -> Path:
        variables = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", scheme="venv", vars=variables))

    def installed_bytes(self, unused: tuple[str, ...] = ()) -> int:
        """Size of all files that pip installed, compiled Python left out."""
        left_out = {self.packages / name for name in unused}
        return sum(
            path.stat().st_size
            for path in self.packages.rglob("*")
            if path.is_file() and path.suffix != ".pyc" and path not in left_out
        )


def default_cache() -> Path:
    """The default cache, below the user's cache folder or $XDG_CACHE_HOME."""
    return xdg_folder("XDG_CACHE_HOME", Path(".cache")) / "edge-router" / "bench-peers"


def prepare(contender: Contender, cache: Path) -> Environment:
    """Install the contender unless it lies in `cache` already. Needs the network once.

    Ours is installed anew each time, since a checkout changes. Raises ProbeFailed with pip's last
    line.
    """
    environment = Environment(cache / f"{contender.name}-{_key(contender)}")
    done = environment.folder / DONE
    if done.is_file() and contender.name != "edge-router":
        return environment
    venv.create(environment.folder, with_pip=False, clear=True)
    _pip(environment, *contender.requirements)
    if contender.bare:
        _pip(environment, "--no-deps", *contender.bare)
    done.touch()
    return environment


def _key(contender: Contender) -> str:
    inputs = repr((contender.requirements, contender.bare, sys.version_info[:2]))
    return hashlib.sha256(inputs.encode()).hexdigest()[:12]


def _pip(environment: Environment, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    done = subprocess.run(
        [*command, "--quiet", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ProbeFailed(f"pip install {' '.join(arguments)}: {last}")
