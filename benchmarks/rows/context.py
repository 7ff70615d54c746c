"""The context of a row: versions, commit, processor and system, but nothing personal."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from edge_router import __version__

from .machine import board, cpu_flags, cpu_model, governor, memory_bytes, usable_cores

__all__ = ["Context"]

PACKAGES = ("numpy", "onnxruntime", "tokenizers", "httpx", "llama-cpp-python")


@dataclass(frozen=True, slots=True)
class Context:
    """The measuring machine and versions; None for what the system does not report.

    `artifact` is a name from its manifest, never a path. `commit` is of the checkout, with "+"
    where files differ from it. `flags` are the CPU's features that matter to int8.
    """

    edge_router: str
    commit: str | None
    artifact: str | None
    artifact_hash: str | None
    cpu: str
    flags: tuple[str, ...]
    cores: int
    governor: str | None
    board: str | None
    memory_bytes: int | None
    machine: str
    os: str
    python: str
    packages: Mapping[str, str]
    time_utc: str

    @classmethod
    def now(cls, artifact: tuple[str, str] | None = None) -> Self:
        """The context of this machine and installation now; `artifact` is (name, hash)."""
        name, digest = artifact or (None, None)
        return cls(
            edge_router=__version__,
            commit=_commit(),
            artifact=name,
            artifact_hash=digest,
            cpu=cpu_model(),
            flags=cpu_flags(),
            cores=usable_cores(),
            governor=governor(),
            board=board(),
            memory_bytes=memory_bytes(),
            machine=platform.machine(),
            os=_system(),
            python=f"{platform.python_implementation()} {platform.python_version()}",
            packages=_packages(),
            time_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )


@cache
def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = ""
    return " ".join(part for part in (platform.system(), platform.release(), name) if part)


@cache
def _packages() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def _commit() -> str | None:
    """The commit of this file's checkout; None for an installed wheel."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
