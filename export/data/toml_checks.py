"""Checks of the tables of a TOML file against the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from .rows import BadData

__all__ = ["require_counts", "require_keys"]

KINDS: Mapping[str, tuple[Any, str]] = {  # of a key's value, by its annotation
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "str": (str, "a text"),
    "tuple": (list, "a list"),
    "Mapping": (dict, "a table"),
}


def require_counts(content: Any, where: str) -> None:
    """Raises BadData for what is no table of whole numbers from 0."""
    if not isinstance(content, dict):
        raise BadData(f"{where} must be a table")
    for name, count in content.items():
        if type(count) is not int or count < 0:
            raise BadData(f"{where} has {name} = {count!r}; it must be a whole number, 0 or more")


def require_keys(
    kind: Any,
    content: Mapping[str, Any],
    where: str,
    ignore: frozenset[str] | set[str] = frozenset(),
) -> None:
    """Raises BadData for keys that are not the fields of the dataclass `kind`, but for those to
    `ignore`, for a value of another kind, and where one without a default is missing."""
    known = {one.name for one in fields(kind)} - ignore
    optional = {one.name for one in fields(kind) if not _is_required(one)}
    if odd := sorted((content.keys() - known) | (known - optional - content.keys())):
        raise BadData(
            f"{where} has missing or unknown keys: {', '.join(odd)}; its keys are "
            f"{', '.join(sorted(known))}"
        )
    for one in fields(kind):
        if one.name in content:
            _require_kind(one, content[one.name], where)


def _require_kind(one: Field[Any], value: Any, where: str) -> None:
    kind, words = KINDS.get(str(one.type).partition("[")[0], (object, ""))
    if kind is object:
        return
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise BadData(f"{where} has {one.name} = {value!r:.60}; it must be {words}")


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING
