"""Checks rows against `row.schema.json`, by the part of JSON Schema that it uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from edge_router.errors import EdgeRouterError

__all__ = ["BadBenchRow", "check_row", "row_schema"]

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


class BadBenchRow(EdgeRouterError):
    """A line that is not a row; names the place and what the schema requires there."""


@cache
def row_schema() -> dict[str, Any]:
    """The schema as it is shipped."""
    text = files("edge_router.benchmarks.rows").joinpath("row.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_row(value: Any) -> None:
    """Raises BadBenchRow naming the first thing that the schema does not allow."""
    fault = next(_faults(value, row_schema(), "row"), None)
    if fault is not None:
        raise BadBenchRow(fault)


def _faults(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    """Faults of `value`, outermost first."""
    if "const" in schema and value != schema["const"]:
        yield f"{place} is {value!r}, it must be {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, it must be one of {schema['enum']}"
    if "type" in schema and not _is_of(value, schema["type"]):
        yield f"{place} is {value!r}, it must be of type {schema['type']}"
        return
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{place} is {value!r}, it must match {schema['pattern']}"
    if isinstance(value, (int, float)) and value < schema.get("minimum", float("-inf")):
        yield f"{place} is {value!r}, it must be {schema['minimum']} or more"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), f"{place}[{number}]")
    if isinstance(value, dict):
        yield from _faults_of_object(value, schema, place)


def _is_of(value: Any, stated: str | list[str]) -> bool:
    """JSON's true is no number, though Python's is."""
    kinds = [stated] if isinstance(stated, str) else stated
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, TYPES[kind]) for kind in kinds)


def _faults_of_object(
    value: dict[str, Any], schema: Mapping[str, Any], place: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place} lacks {name!r}"
    for name, item in value.items():
        if name in known:
            yield from _faults(item, known[name], f"{place}.{name}")
        elif others is False:
            yield f"{place} has an unknown field {name!r}"
        elif isinstance(others, Mapping):
            yield from _faults(item, others, f"{place}.{name}")
