"""The server's keys and their callers: from variables, or one made once in the data folder."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_router.errors import ConfigError
from edge_router.guards.data_folder import writing_to
from edge_router.guards.redaction import names_a_variable, quoted, quoted_setting
from edge_router.settings.constraints import Constraints

__all__ = [
    "KEY_FILE",
    "SERVE",
    "ApiKey",
    "key_from_variable",
    "key_in_folder",
    "keys_from_variables",
]

KEY_FILE = "serve.key"
SERVE = "serve"  # the caller where no key names another one
BYTES = 32
LEAST = 16  # characters
KEY = re.compile(rf"[\x21-\x7e]{{{LEAST},512}}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, and the `caller` of `[budget.callers]` who holds it."""

    secret: str = field(repr=False)
    caller: str = SERVE


def keys_from_variables(stated: Sequence[str]) -> tuple[ApiKey, ...]:
    """The keys that variables hold, each stated as NAME or CALLER=NAME; without a CALLER it is
    NAME. Raises ConfigError, also for one key of two callers."""
    keys = tuple(map(_key_of, stated))
    callers: dict[str, str] = {}
    for key in keys:
        if (other := callers.setdefault(key.secret, key.caller)) != key.caller:
            raise ConfigError(
                f"{quoted(other)} and {quoted(key.caller)} have the same key, so that nobody can "
                "tell them apart; give each caller a key of its own"
            )
    return keys


def _key_of(stated: str) -> ApiKey:
    caller, named, name = stated.rpartition("=")
    if not named:
        return ApiKey(key_from_variable(name), name)
    if not caller:
        raise ConfigError("--api-key-env has no caller before its '='; write CALLER=NAME or NAME")
    return ApiKey(key_from_variable(name), Constraints(caller=caller).caller or SERVE)


def key_from_variable(name: str) -> str:
    """The key that an environment variable holds. Raises ConfigError, which does not show it."""
    if not names_a_variable(name):
        shown = quoted_setting("api_key_env", name)
        raise ConfigError(
            f"--api-key-env {shown} must be the name of an environment variable, not a key"
        )
    if not (key := os.environ.get(name, "").strip()):
        raise ConfigError(f"the environment variable {name} is not set; put the server's key there")
    return _checked(key, name)


def key_in_folder(folder: Path) -> str:
    """The key in the data folder; at the first call one is made, which only its owner may read.

    Raises ConfigError for a file that others may read, or that holds no key.
    """
    path = folder / KEY_FILE
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            _make(path)
        content = _read(path)
    if not content.strip():
        raise ConfigError(f"{str(path)!r} holds no usable key, it is empty; delete it to get one")
    return _checked(content.strip(), str(path))


def _make(path: Path) -> None:
    """Write a key beside `path` and put it there whole, unless another process was faster."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    number = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123 - of a descriptor
            file.write(f"{secrets.token_urlsafe(BYTES)}\n")
            file.flush()
            os.fsync(number)
        with suppress(FileExistsError):
            _put(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _put(aside: Path, path: Path) -> None:
    """Give the file its name. Raises FileExistsError where it is taken; on a file system without
    links the later of two wins."""
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        raise
    except OSError:
        aside.replace(path)


def _read(path: Path) -> str:
    number = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    with open(number, encoding="ascii", errors="replace") as file:  # noqa: PTH123
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigError(f"{str(path)!r} is not a regular file; delete it")
        if os.name == "posix" and mode & 0o077:
            raise ConfigError(
                f"others may read the key in {str(path)!r}; chmod 600 it, or delete it to get a "
                "new one"
            )
        return file.read(1024)


def _checked(key: str, place: str) -> str:
    if not KEY.fullmatch(key):
        raise ConfigError(
            f"{place} holds no usable key: {LEAST} characters or more, without blanks; "
            "`openssl rand -hex 32` makes one"
        )
    return key
