"""edge-router config: where the settings are read from, what they are, and an editor for them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_router.guards.redaction import shown_setting

from ...options import add_command, config_of
from ...printing import print_json
from ...terminal import visible
from ...toml_text import toml_key, toml_value

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    config = add_command(commands, "config", _config)
    config.add_argument(
        "what",
        choices=("show", "path", "edit"),
        help="every setting in force, the file they come from, or that file in $VISUAL or $EDITOR: "
        "a broken edit changes nothing",
    )


def _config(options: argparse.Namespace) -> None:
    from edge_router.guards.user_files import is_file

    path = _path(options)
    if options.what == "edit":
        _edit(path)
        return
    if options.what == "path":
        there = is_file(path)
        if options.json:
            print_json({"path": str(path), "exists": there})
        else:
            print(visible(str(path)))
        return
    settings = config_of(options).to_json()
    if options.json:
        print_json(_shown(settings))
        return
    experts, callers = settings.pop("experts"), settings["budget"].pop("callers")
    tables = {name: settings.pop(name) for name in ("privacy", "budget", "tasks", "cache")}
    titled: dict[tuple[str, ...], Mapping[str, Any]] = {("router",): settings}
    titled |= {(name,): table for name, table in tables.items()}
    titled |= {("budget", "callers", name): table for name, table in callers.items()}
    titled |= {("experts", name): table for name, table in experts.items()}
    for title, table in titled.items():
        _print(title, _shown(table))


def _print(title: tuple[str, ...], table: Mapping[str, Any]) -> None:
    """A table as TOML; nothing for one of which nothing is set."""
    lines = [f"{name} = {toml_value(one)}" for name, one in table.items() if one is not None]
    if lines:
        print(visible(f"[{'.'.join(map(toml_key, title))}]"))
        for line in lines:
            print(visible(line))
        print()


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with words instead of what looks like a key or a password."""
    return {name: _shown_value(name, value) for name, value in settings.items()}


def _shown_value(name: str, value: Any) -> Any:
    if name == "budget":
        return _shown({one: limit for one, limit in value.items() if one != "callers"}) | {
            "callers": _each_shown(value["callers"])
        }
    return _each_shown(value) if name == "experts" else shown_setting(name, value)


def _each_shown(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables by the names that the user gave them, which are no secrets."""
    return {name: _shown(table) for name, table in tables.items()}


def _edit(path: Path) -> None:
    from ...first_settings import BUNDLED, Choice, settings_text
    from ...settings_editor import edit_settings

    edit_settings(path, settings_text(Choice(BUNDLED, cloud=None, may_leave=False)))


def _path(options: argparse.Namespace) -> Path:
    """The file that settings are read from, which need not exist."""
    from edge_router.settings.file import settings_file, stated_file

    return stated_file(options.config) or settings_file()
