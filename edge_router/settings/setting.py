"""A setting is a dataclass field whose metadata hold the check of its value and its help text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

from edge_router.errors import ConfigError
from edge_router.guards.checks import Check, checked, path
from edge_router.guards.redaction import quoted

__all__ = [
    "checks_of",
    "from_table",
    "help_of",
    "paths_of",
    "required_of",
    "setting",
    "settings_of",
    "table_named",
]

T = TypeVar("T")


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


def from_table(kind: type[T], stated: Any, name: str) -> T:
    """The settings of a `kind`, from a value that is one or the table called `name`; null means
    unset. Raises ConfigError."""
    if isinstance(stated, kind):
        return stated
    known = {key: value for key, value in table_named(stated, name).items() if value is not None}
    return kind(**checked(known, checks_of(kind), f"[{name}]"))


def table_named(stated: Any, name: str) -> Mapping[str, Any]:
    """What is stated as the table called `name`. Raises ConfigError where it is none."""
    if not isinstance(stated, Mapping):
        raise ConfigError(f"{name} = {quoted(stated)} in the settings must be a table, [{name}]")
    return stated


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
