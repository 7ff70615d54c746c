"""Data of a package that was imported from a zip file (a zipapp), as files."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

__all__ = ["unpacked"]


@cache
def unpacked(package: str) -> Path:
    """A temporary folder with the data files of `package`; it goes when this process ends."""
    path = Path(tempfile.mkdtemp(prefix="edge-router-"))
    atexit.register(_remove, path, os.getpid())
    for entry in files(package).iterdir():
        _copy(entry, path / entry.name)
    return path


def _copy(source: Traversable, target: Path) -> None:
    if source.is_dir():
        target.mkdir()
        for entry in source.iterdir():
            _copy(entry, target / entry.name)
    elif not source.name.endswith((".py", ".pyc")):
        target.write_bytes(source.read_bytes())


def _remove(path: Path, owner: int) -> None:
    """A forked child leaves its parent's folder alone."""
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
