"""Files and folders as users name and write them: `~`, byte-order marks, other encodings."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from edge_router.errors import ConfigError, EdgeRouterError

__all__ = [
    "NO_HOME",
    "content_of",
    "encoding_of",
    "home_folder",
    "is_file",
    "text_of_bytes",
    "user_path",
    "xdg_folder",
]

NO_HOME = Path(os.devnull) / "no home folder, set HOME or data_dir"
"""Stands in for an unknown home folder: it has no files, and none can be made there."""

_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8",
}  # the longer ones first: the mark of UTF-32 begins with that of UTF-16
_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")  # what `<(...)` of a shell is called
_PIECE = 1 << 20


def home_folder() -> Path | None:
    """The user's home; None where neither HOME nor the system gives it, or it is another user's
    that this process may not read (a container that changes its user and keeps HOME)."""
    if os.name == "posix" and os.environ.get("HOME") == "":
        return None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    locked = os.access(home, os.F_OK) and not os.access(home, os.X_OK)
    return home if home.is_absolute() and not locked else None


def is_file(path: Path) -> bool:
    """Whether a file exists, as far as this process may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def user_path(
    given: str | Path, *, what: str = "path", refusal: type[EdgeRouterError] = ConfigError
) -> Path:
    """A path as a user gives it, with `~` and `~name` for home folders.

    Raises `refusal`, calling the path `what`, for an unknown home folder.
    """
    path = Path(given)
    if not str(path).startswith("~") or path.exists():
        return path
    first, *rest = path.parts
    try:
        home = home_folder() if first == "~" else Path(first).expanduser()
    except RuntimeError:
        home = None
    if home is None:
        whose = "the home folder" if first == "~" else f"the home folder of {first[1:]!r}"
        raise refusal(
            f"{what} {str(given)!r} cannot be found: {whose} is not known here; set HOME or give "
            "a path without ~"
        )
    return home.joinpath(*rest)


def xdg_folder(variable: str, default: Path) -> Path:
    """The folder that an XDG variable names; `default`, below the home folder, where it names
    none or a relative one, as the specification wants."""
    given = os.environ.get(variable, "")
    path = Path(given)
    if given.startswith("~/"):
        path = (home_folder() or NO_HOME) / given[2:]
    return path if path.is_absolute() else (home_folder() or NO_HOME) / default


def content_of(path: Path, *, limit: int) -> bytes:
    """All of a file of at most `limit` bytes: never a device, and of pipes only one that this
    process was started with: a named one would wait for its writer.

    Raises OSError, its `strerror` saying why.
    """
    kind = path.stat().st_mode
    piped = stat.S_ISFIFO(kind) and str(path).startswith(_PIPES)
    empty = stat.S_ISCHR(kind) and str(path) == os.devnull
    terminal = stat.S_ISCHR(kind) and str(path).startswith(_PIPES)
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or piped or empty or terminal):
        raise OSError(None, "it is not a regular file")
    content = bytearray()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            content += piece
            if len(content) > limit:
                raise OSError(None, f"it is longer than {limit:,} bytes")
    return bytes(content)


def encoding_of(content: bytes) -> str | None:
    """The encoding by its byte-order mark, or UTF-16 where text without one must be; else None."""
    for mark, name in _ENCODINGS.items():
        if content.startswith(mark):
            return name
    head = content[:256]
    halves = head[::2], head[1::2]
    if len(head) >= 4 and any(not any(half) for half in halves) and any(head):
        return "UTF-16 or UTF-32"
    return None


def text_of_bytes(content: bytes) -> str:
    """UTF-8 without the byte-order mark that some editors write.

    Raises ValueError that names the encoding, or says where the content is not UTF-8.
    """
    if (encoding := encoding_of(content)) not in (None, "UTF-8"):
        raise ValueError(f"it is {encoding}; save it as UTF-8")
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {error.start} is not UTF-8 ({error.reason}); save it as UTF-8"
        ) from None
