"""edge-router config: where the settings are read from, and what they are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_router.guards.redaction import redacted_setting

from ...options import add_command, config_of
from ...printing import print_json
from ...terminal import visible

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    config = add_command(commands, "config", _config)
    config.add_argument(
        "what", choices=("show", "path"), help="every setting in force, or the file they come from"
    )


def _config(options: argparse.Namespace) -> None:
    from edge_router.guards.user_files import is_file

    path = _path(options)
    if options.what == "path":
        there = is_file(path)
        if options.json:
            print_json({"path": str(path), "exists": there})
        else:
            print(visible(str(path)))
        return
    settings = config_of(options).to_json()
    experts = settings.pop("experts")
    settings.pop("tasks")
    if options.json:
        shown = {name: _shown(expert) for name, expert in experts.items()}
        print_json(_shown(settings) | {"experts": shown})
        return
    for title, table in {"router": settings, **_titled(experts)}.items():
        print(visible(f"[{title}]"))
        for name, value in table.items():
            if value is not None:
                print(visible(f"{name} = {redacted_setting(name, value)}"))
        print()


def _titled(experts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {f"experts.{name}": expert for name, expert in experts.items()}


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with words instead of what looks like a key or a password."""
    words = {name: redacted_setting(name, value) for name, value in settings.items()}
    return {
        name: value if words[name] == repr(value) else words[name]
        for name, value in settings.items()
    }


def _path(options: argparse.Namespace) -> Path:
    """The file that settings are read from, which need not exist."""
    from edge_router.guards.user_files import user_path
    from edge_router.settings.file import PREFIX, settings_file

    named = options.config or os.environ.get(f"{PREFIX}CONFIG")
    return user_path(named, what="config file") if named else settings_file()
