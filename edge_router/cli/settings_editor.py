"""Edit the settings file: in a copy, which takes its place only if it can be read as settings."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from edge_router.errors import ConfigError
from edge_router.guards.bounded_file import require_regular
from edge_router.guards.data_folder import write_atomically
from edge_router.settings.config import Config

from .printing import print_dim

__all__ = ["edit_settings"]

EDITORS = ("sensible-editor", "nano", "vi")
NEW, EDITED = 0o600, ".edited"


def edit_settings(path: Path, first: str) -> None:
    """Have the user edit the file at `path`, or the text `first` where there is none.

    A broken edit may be mended at a terminal; else it is kept beside the file, which stays as it
    was, and so is one of a file that something else has changed meanwhile. Raises ConfigError.
    """
    path = Path(os.path.realpath(path))  # a link goes on pointing at the file
    copy = _free_name(path)
    try:
        before = _text_of(path)
        begun, editor = first if before is None else before, _editor()
        _write(copy, begun, NEW)
        while True:
            _run_editor([*editor, str(copy)], copy, begun)
            try:
                Config.load(copy)
                break
            except ConfigError as error:
                print_dim(str(error))
                if not _again():
                    raise _unchanged(path, copy) from None
        after = copy.read_text(encoding="utf-8")
        if after == before:
            print_dim("nothing was changed")
        elif _text_of(path) != before:
            raise ConfigError(
                f"{str(path)!r} was changed meanwhile and stays so; the edit is {str(copy)!r}"
            )
        else:
            mode = NEW if before is None else stat.S_IMODE(path.stat().st_mode)
            _write(path, after, mode)
            print_dim(f"wrote {path}")
        copy.unlink()
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or error
        raise ConfigError(f"{str(path)!r} cannot be edited: {words}") from None


def _free_name(path: Path) -> Path:
    """A name beside the file for the copy: what an earlier edit left there is kept."""
    number, copy = 1, path.with_name(path.name + EDITED)
    while os.path.lexists(copy):
        number += 1
        copy = path.with_name(f"{path.name}{EDITED}-{number}")
    return copy


def _text_of(path: Path) -> str | None:
    """The text of a file, None where there is none. Raises OSError, also for a pipe or a device,
    which may never end."""
    if not path.exists():
        return None
    require_regular(path.stat().st_mode)
    return path.read_text(encoding="utf-8")


def _unchanged(path: Path, copy: Path) -> ConfigError:
    return ConfigError(f"{str(path)!r} is as it was; the edit that cannot be read is {str(copy)!r}")


def _write(path: Path, text: str, mode: int) -> None:
    write_atomically(path, text, mode=mode)
    if os.name == "posix":
        path.chmod(mode)  # whatever the umask takes away


def _again() -> bool:
    """Whether the user wants to mend it."""
    if not sys.stdin.isatty():
        return False
    try:
        return input("edit it again? [Y/n] ").strip().lower() in ("", "y", "yes")
    except EOFError:
        return False


def _run_editor(command: list[str], path: Path, begun: str) -> None:
    """Have the user edit the copy. Raises ConfigError for an editor that is missing or fails; a
    copy that was not changed is removed then."""
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - the user's own choice
    except OSError as error:
        _remove_if(path, begun)
        raise ConfigError(
            f"the editor {command[0]!r} cannot be started ({error.strerror}); set VISUAL or EDITOR"
        ) from None
    if code != 0:
        _remove_if(path, begun)
        raise ConfigError(f"the editor {command[0]!r} ended with {code}; nothing was changed")


def _remove_if(path: Path, text: str) -> None:
    if path.read_text(encoding="utf-8", errors="replace") == text:
        path.unlink()


def _editor() -> list[str]:
    """The command that $VISUAL or $EDITOR holds, with its options; else one that is installed."""
    for name in ("VISUAL", "EDITOR"):
        if stated := os.environ.get(name, "").strip():
            try:
                return shlex.split(stated, posix=os.name == "posix")
            except ValueError as error:
                raise ConfigError(f"{name} = {stated!r} is no command: {error}") from None
    if os.name == "nt":
        return ["notepad"]
    installed = next((one for one in EDITORS if shutil.which(one)), None)
    if installed is None:
        raise ConfigError("no editor is known here; set VISUAL or EDITOR to one")
    return [installed]
