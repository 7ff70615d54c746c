"""The servers of this user that run now: each has a file in the data folder while it runs.

A running server holds its file's lock, so that the file of one that was killed is known for what
it is, and no key is ever sent to whoever has its port by now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from edge_router.guards.bounded_file import open_regular
from edge_router.guards.stored_json import FAULTS, read_object, text

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

__all__ = ["RunningServer", "registered", "running_servers"]

FOLDER = "servers"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server's process, its URL for clients, and the place of its key: "" for none, `$NAME` for
    a variable (or several, with commas), else a file."""

    process: int
    url: str
    key_place: str


@contextmanager
def registered(data_folder: Path, url: str, key_place: str | None) -> Iterator[None]:
    """Keep a file about this server for the block; where it cannot be written, do without."""
    path = data_folder / FOLDER / f"{os.getpid()}.json"
    file = None
    with suppress(OSError):
        file = _written(path, RunningServer(os.getpid(), url, key_place or ""))
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                path.unlink()
            file.close()


def _written(path: Path, server: RunningServer) -> IO[str]:
    """The file, open and locked."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileNotFoundError):
        path.unlink()  # of an earlier process of this number
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    file = open(number, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open while it is locked
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    json.dump(asdict(server), file)
    file.flush()
    return file


def running_servers(data_folder: Path) -> list[RunningServer]:
    """The servers that run, by their process; files of others are removed."""
    servers = []
    for path in sorted((data_folder / FOLDER).glob("*.json")):
        if _is_held(path):
            with suppress(*FAULTS):
                content = read_object(path)
                url, place = (text(content[name], name) for name in ("url", "key_place"))
                servers.append(RunningServer(int(content["process"]), url, place))
        else:
            with suppress(OSError):
                path.unlink()
    return servers


def _is_held(path: Path) -> bool:
    """Whether the process that wrote it still has it open."""
    if fcntl is None:
        return True  # else it could have been removed
    with suppress(OSError), open_regular(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
