"""The cache folder of downloads and unpacked packages; each part is complete or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from edge_router.guards.user_files import xdg_folder

__all__ = ["default_cache", "made_once"]


def default_cache() -> Path:
    """The user's cache folder; $XDG_CACHE_HOME is honoured. It may not exist yet."""
    return xdg_folder("XDG_CACHE_HOME", Path(".cache")) / "edge-router" / "arm"


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`, filled by `make` unless it exists.

    It gets its name only when `make` has returned: an interrupted run leaves only a working folder,
    which the next run deletes. Not safe for two runs at once.
    """
    if not folder.exists():
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        make(new)
        new.rename(folder)
    return folder
