"""Read settings from the user's TOML file and the EDGE_ROUTER_* variables."""

from __future__ import annotations

import difflib
import logging
import os
import re
import sys
import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from edge_router.errors import ConfigError
from edge_router.guards.user_files import content_of, is_file, text_of_bytes, user_path, xdg_folder

__all__ = [
    "PREFIX",
    "default_config_path",
    "read_environment",
    "read_file",
    "settings_file",
    "stated_file",
]

PREFIX = "EDGE_ROUTER_"
MAX_BYTES = 1 << 20

log = logging.getLogger("edge_router")

# What Kubernetes and Docker set in every container beside a service called edge-router.
_PLATFORM = re.compile(
    r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
    r"|(\d+_)?(NAME|ENV_\w+)"
)
# What describes an installation rather than configures it.
_METADATA = re.compile(
    r"VERSION|RELEASE|REVISION|COMMIT|BUILD(_\w+)?|IMAGE(_\w+)?|TAG|LOG_(LEVEL|FORMAT|FILE)|DEBUG"
    r"|VERBOSE|ENV|ENVIRONMENT|STAGE|HOST|HOSTNAME|PORT|URL|BASE_URL|API_KEY|TOKEN|USER|HOME|ROOT"
)
_PLACE = re.compile(r"at line (\d+)")
_BACKSLASH = re.compile(r'"[^"]*\\')
_FOREIGN_WORD = re.compile(r"=\s*(yes|no|on|off|True|False|TRUE|FALSE|None|null|none)\s*(#.*)?$")
_CONTROL = re.compile(r"[\x00-\x1f]")


def default_config_path() -> Path:
    """The user's settings file on this system, below $XDG_CONFIG_HOME if set. It may not exist."""
    if os.environ.get("XDG_CONFIG_HOME"):
        return _config_below(OLD_FOLDER)
    if sys.platform == "darwin":
        return _config_below(Path("Library/Application Support"))
    if os.name == "nt":
        return xdg_folder("APPDATA", Path("AppData/Roaming")) / "edge-router" / "config.toml"
    return _config_below(OLD_FOLDER)


OLD_FOLDER = Path(".config")  # where it was on every system


def _config_below(folder: Path) -> Path:
    return xdg_folder("XDG_CONFIG_HOME", folder) / "edge-router" / "config.toml"


def settings_file() -> Path:
    """The user's settings file: its place on this system, or an older one that has it; warns of
    that."""
    path, old = default_config_path(), _config_below(OLD_FOLDER)
    if path == old or is_file(path) or not is_file(old):
        return path
    _warn_of_old_place(old, path)
    return old


@cache  # once per process is enough
def _warn_of_old_place(old: Path, path: Path) -> None:
    log.warning("settings are read from %s; on this system their place is %s: move them", old, path)


def stated_file(path: str | Path | None) -> Path | None:
    """The file at `path`, else at $EDGE_ROUTER_CONFIG, as it is named; None where neither is.

    Raises ConfigError for an unknown home folder.
    """
    named = path or os.environ.get(f"{PREFIX}CONFIG")
    return user_path(named, what="config file") if named else None


def read_file(path: str | Path | None, *, paths: Collection[str]) -> dict[str, Any]:
    """The tables of the file at `path`, else of $EDGE_ROUTER_CONFIG, else of the user's own, else
    none; `paths` are the settings that may name files. Raises ConfigError."""
    stated = stated_file(path)
    file = stated or settings_file()
    if stated is None and not is_file(file):
        return {}
    try:
        content = content_of(file, limit=MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"config file {str(file)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise ConfigError(f"config file {str(file)!r} is not TOML: {error}") from None
    tables = _tables(content, file)
    _refuse_escaped_paths(tables, file, paths)
    return tables


def _tables(content: bytes, file: Path) -> dict[str, Any]:
    fault = f"config file {str(file)!r} is not TOML"
    try:
        text = text_of_bytes(content)
    except ValueError as error:
        raise ConfigError(f"{fault}: {error}") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{fault}: it is nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"{fault}: {error}{_fix(text, str(error))}") from None


def _fix(text: str, error: str) -> str:
    """A hint at the likely mistake on the line that is not TOML, or ""."""
    place = _PLACE.search(error)
    lines = text.split("\n")
    line = lines[int(place[1]) - 1].strip() if place and int(place[1]) <= len(lines) else ""
    if _BACKSLASH.search(line):
        return (
            "; in double quotes a backslash begins an escape: write a Windows path in single "
            r"quotes, 'C:\models\x.gguf', or with slashes"
        )
    if word := _FOREIGN_WORD.search(line):
        return f"; {word[1]} is no value in TOML, write true or false, or leave the line out"
    return ""


def _refuse_escaped_paths(table: Any, file: Path, paths: Collection[str], depth: int = 0) -> None:
    """Raise ConfigError for a Windows path in double quotes: TOML reads its \\t as a tab."""
    if not isinstance(table, dict) or depth > 3:
        return
    for key, value in table.items():
        if key in paths and isinstance(value, str) and _CONTROL.search(value):
            raise ConfigError(
                f"{key} = {value!r} in {str(file)!r} holds a control character: in double quotes "
                "a backslash begins an escape; write a Windows path in single quotes, "
                r"'C:\models\x.gguf', or with slashes"
            )
        _refuse_escaped_paths(value, file, paths, depth + 1)


def read_environment(known: Collection[str], *, others: Collection[str] = ()) -> dict[str, str]:
    """EDGE_ROUTER_MAX_COST_USD=0.01 and so on, by the setting's name; empty means unset.

    Skips `others` (variables that the settings name, such as an expert's key), variables that a
    container platform sets for a service called edge-router, and descriptions of an installation,
    such as EDGE_ROUTER_VERSION. Raises ConfigError for any other unknown variable.
    """
    settings = {}
    for name, value in os.environ.items():
        setting = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or name == f"{PREFIX}CONFIG" or name in others:
            continue
        if not value.strip() or (setting.lower() not in known and _PLATFORM.fullmatch(setting)):
            continue
        if setting.lower() not in known:
            _refuse_unless_metadata(name, setting, known)
        else:
            settings[setting.lower()] = value.strip()
    return settings


def _refuse_unless_metadata(name: str, setting: str, known: Collection[str]) -> None:
    near = difflib.get_close_matches(setting.lower(), known, n=1)
    if not near and _METADATA.fullmatch(setting):
        log.info("the environment variable %s is no setting of edge-router; it is ignored", name)
        return
    words = (PREFIX + one.upper() for one in (near or sorted(known)))
    hint = f"did you mean {next(words)}?" if near else f"known are {', '.join(words)}"
    raise ConfigError(
        f"unknown key {setting.lower()!r} in the environment; {name!r} is set, {hint}"
    )
