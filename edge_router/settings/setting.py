"""A setting is a dataclass field whose metadata hold the check of its value and its help text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from edge_router.guards.checks import Check, path

__all__ = ["checks_of", "help_of", "paths_of", "required_of", "setting", "settings_of"]


def setting(
    check: Check, words: str, *, option: bool = False, metavar: str | None = None
) -> Mapping[str, Any]:
    """The metadata of a field that is a setting: the check of its value, and its help in `words`.

    With `option` every command has an option for it.
    """
    return {"check": check, "help": words, "option": option, "metavar": metavar}


def settings_of(kind: type) -> Iterator[Field[Any]]:
    """The fields of a dataclass that are settings, in their order."""
    return (one for one in fields(kind) if "check" in one.metadata)


def checks_of(kind: type) -> Mapping[str, Check]:
    """The check of each setting by its name."""
    return {one.name: one.metadata["check"] for one in settings_of(kind)}


def required_of(kind: type) -> set[str]:
    """The settings without a default."""
    return {
        one.name
        for one in settings_of(kind)
        if one.default is MISSING and one.default_factory is MISSING
    }


def paths_of(kind: type) -> set[str]:
    """The settings that may name a file or folder."""
    return {one.name for one in settings_of(kind) if one.metadata["check"] is path}


def help_of(kind: type) -> Iterator[str]:
    """A line for each setting: its name and its help."""
    width = max(len(one.name) for one in settings_of(kind))
    return (f"{one.name:{width}}  {one.metadata['help']}" for one in settings_of(kind))
