"""The data folder, where this device keeps what it learns, and atomic writes into it."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_router.errors import ConfigError

from .user_files import NO_HOME, xdg_folder

__all__ = ["default_data_folder", "require_writable", "write_atomically", "writing_to"]

UNFINISHED = ".new"
LEFT_BEHIND_S = 3600.0


def default_data_folder() -> Path:
    """The user's data folder of this system; $XDG_DATA_HOME is honoured. It may not exist yet, and
    where the home folder is not known it cannot be made."""
    if sys.platform == "darwin":
        below_home = Path("Library/Application Support")
    elif os.name == "nt":
        below_home = Path("AppData/Local")
    else:
        below_home = Path(".local/share")
    if os.name == "nt" and not os.environ.get("XDG_DATA_HOME"):
        return xdg_folder("LOCALAPPDATA", below_home) / "edge-router"
    return xdg_folder("XDG_DATA_HOME", below_home) / "edge-router"


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """For a block that writes there for the user: OSError becomes ConfigError."""
    try:
        yield
    except OSError as error:
        if folder.is_relative_to(NO_HOME):
            raise ConfigError(
                "nothing can be kept: there is no home folder to keep it in; set HOME, "
                "XDG_DATA_HOME or data_dir"
            ) from None
        raise ConfigError(
            f"{str(folder)!r} cannot be written ({error.strerror or error}); make room there, or "
            "set data_dir"
        ) from None


def require_writable(path: Path, *, what: str = "--out") -> None:
    """Raise ConfigError, before long work, for a result that could not be written as the file
    `path`; `what` is the option that names it. Its folders are made."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists():
            path.open("ab").close()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f"{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{what} {str(path)!r} cannot be written: {why}; name another") from None


def write_atomically(
    path: Path, content: str | bytes, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write a file atomically, a text as UTF-8, and make its folders: no reader gets half of it,
    also after a power cut if it is to be `durable`, and of two writers at once one wins. `mode` is
    that of a new file, from its beginning, less the umask. Raises OSError."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with open(new, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Remove what killed writers of this file left behind long ago."""
    with suppress(OSError):
        for left in path.parent.glob(f"{glob.escape(path.name)}.*{UNFINISHED}"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
                    left.unlink()
