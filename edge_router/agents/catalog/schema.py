"""JSON schemas of agents' parameters: whether one is a schema, and whether arguments fit it.

The keywords that tools use in practice are checked, others are left alone: `type`, `properties`,
`required`, `additionalProperties`, `items` (one schema or a list), `prefixItems`, `enum`, `const`,
`anyOf`, `oneOf`, `allOf`, the limits of numbers (`minimum`, `exclusiveMinimum` ...), of lengths and
of items, `pattern` where it needs no backtracking, and references within the document.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from edge_router.errors import InvalidAgent
from edge_router.guards.redaction import quoted_json

from ..states.linear_pattern import MAX_TEXT, LinearPattern

__all__ = ["check_schema", "schema_faults"]

MAX_BYTES = 1 << 16
MAX_DEPTH = 32
MAX_CHECKS = 20_000  # of values by schemas, for one value: a few schemas can ask for millions
MAX_PATTERN = 100  # states; a larger pattern is not checked
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
COMBINED = ("anyOf", "oneOf", "allOf")
FIRST_ITEMS = ("prefixItems", "items")  # `items` as a list is draft 7's prefixItems
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
EXCLUSIVE = ("exclusiveMinimum", "exclusiveMaximum")  # numbers, or draft 4's flags
TABLES = ("properties", "$defs", "definitions")


def check_schema(schema: Any, what: str) -> dict[str, Any]:
    """The schema of `what`, a JSON object of at most MAX_BYTES. Raises InvalidAgent."""
    if not isinstance(schema, Mapping):
        raise InvalidAgent(f"{what} is {quoted_json(schema)}; a JSON schema is an object")
    try:
        written = json.dumps(schema, allow_nan=False, default=dict)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidAgent(f"{what} is no JSON: {error}") from None
    whole: dict[str, Any] = json.loads(written)
    try:
        json.dumps(whole, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidAgent(f"{what} cannot be written as UTF-8") from None
    if len(written) > MAX_BYTES:
        raise InvalidAgent(f"{what} is longer than {MAX_BYTES:,} bytes of JSON")
    _check(whole, what, whole, 0, set())
    return whole


def _check(
    schema: Any, what: str, whole: Mapping[str, Any], depth: int, referred: set[str]
) -> None:
    """Raise InvalidAgent where a schema, one inside of it or one referred to is none; `referred`
    are the references that were followed."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise InvalidAgent(f"{what} is {quoted_json(schema)}; a JSON schema is an object")
    if depth > MAX_DEPTH:
        raise InvalidAgent(f"{what} is nested more than {MAX_DEPTH} deep")
    stated = schema.get("type", list(TYPES))
    for kind in stated if stated and isinstance(stated, list) else [stated]:
        if not isinstance(kind, str) or kind not in TYPES:
            raise InvalidAgent(f"{what}: type is {quoted_json(kind)}, none of {', '.join(TYPES)}")
    _check_lists(schema, what)
    if (reference := schema.get("$ref")) is not None:
        target = _resolved(reference, whole, what)
        if reference not in referred:
            referred.add(reference)
            _check(target, f"{what}: {reference:.80}", whole, depth + 1, referred)
    for place, part in _parts(schema, what):
        _check(part, place, whole, depth + 1, referred)


def _check_lists(schema: Mapping[str, Any], what: str) -> None:
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(one, str) for one in required):
        raise InvalidAgent(f"{what}: required is {quoted_json(required)}, no list of names")
    for key in ("enum", *COMBINED):
        if key in schema and not (isinstance(schema[key], list) and schema[key]):
            raise InvalidAgent(f"{what}: {key} is {quoted_json(schema[key])}, no list of choices")
    for key in TABLES:
        if not isinstance(schema.get(key, {}), dict):
            raise InvalidAgent(f"{what}: {key} is {quoted_json(schema[key])}, no object")
    if not isinstance(schema.get("pattern", ""), str):
        raise InvalidAgent(f"{what}: pattern is {quoted_json(schema['pattern'])}, no text")
    for key in (*LIMITS, *EXCLUSIVE):
        limit = schema.get(key, 0)
        if key in EXCLUSIVE and isinstance(limit, bool):
            continue
        if (
            isinstance(limit, bool)
            or not isinstance(limit, int | float)
            or not math.isfinite(limit)
        ):
            raise InvalidAgent(f"{what}: {key} is {quoted_json(limit)}, no number")


def _parts(schema: Mapping[str, Any], what: str) -> Iterator[tuple[str, Any]]:
    """The schemas inside of a schema, with the place of each."""
    for key in TABLES:
        for name, part in schema.get(key, {}).items():
            yield f"{what}: {key}: {name}", part
    for key in COMBINED:
        for part in schema.get(key, []):
            yield f"{what}: {key}", part
    for key in FIRST_ITEMS:
        if isinstance(parts := schema.get(key), list):
            yield from ((f"{what}: {key}", part) for part in parts)
    for key in ("items", "additionalProperties"):
        if key in schema and not isinstance(schema[key], list):
            yield f"{what}: {key}", schema[key]


def _resolved(reference: Any, whole: Mapping[str, Any], what: str) -> Any:
    """The schema that a reference within the document names. Raises InvalidAgent."""
    target: Any = whole
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise InvalidAgent(f"{what}: $ref is {quoted_json(reference)}; only '#/...' is followed")
    for step in reference.removeprefix("#").split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and key.isascii() and key.isdigit() and int(key) < len(target):
            target = target[int(key)]
        elif isinstance(target, dict) and key in target:
            target = target[key]
        else:
            raise InvalidAgent(f"{what}: $ref is {quoted_json(reference)}, which is not there")
    return target


def schema_faults(value: Any, schema: Any, place: str = "it") -> list[str]:
    """What is wrong with `value` by a checked `schema`, in words; none for a value that fits.

    A value that takes more than MAX_CHECKS does not fit. Values in the words are left out: they may
    be private.
    """
    whole = _Checking(schema)
    faults = list(_faults(value, schema, whole, place, 0))
    return faults if whole.left > 0 else [f"{place} takes too long to check by its schema"]


@dataclass(slots=True)
class _Checking:
    """The whole schema that references are looked up in, and how many checks are left."""

    schema: Any
    left: int = MAX_CHECKS


def _faults(value: Any, schema: Any, whole: _Checking, place: str, depth: int) -> Iterator[str]:
    whole.left -= 1
    if schema is True or whole.left <= 0:
        return
    if schema is False or depth > MAX_DEPTH:
        yield f"{place} is not allowed" if schema is False else f"{place} is nested too deeply"
        return
    if "$ref" in schema:
        target = _resolved(schema["$ref"], whole.schema, place)
        yield from _faults(value, target, whole, place, depth + 1)
    kinds = schema.get("type", list(TYPES))
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not any(_is_of(value, kind) for kind in kinds):
        yield f"{place} must be of type {' or '.join(kinds)}"
        return
    if "enum" in schema and not _among(value, schema["enum"]):
        yield f"{place} must be one of {quoted_json(schema['enum'])}"
    if "const" in schema and not _among(value, [schema["const"]]):
        yield f"{place} must be {quoted_json(schema['const'])}"
    yield from _out_of_range(value, schema, whole, place)
    yield from _combined_faults(value, schema, whole, place, depth)
    if isinstance(value, dict):
        yield from _object_faults(value, schema, whole, place, depth)
    if isinstance(value, list):
        yield from _list_faults(value, schema, whole, place, depth)


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float) and kind == "integer":
        return value.is_integer()
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, TYPES[kind])


def _among(value: Any, choices: list[Any]) -> bool:
    """Whether a choice equals the value; JSON's true is not 1, its 1.0 is."""
    return any(one == value and isinstance(one, bool) is isinstance(value, bool) for one in choices)


def _out_of_range(
    value: Any, schema: Mapping[str, Any], whole: _Checking, place: str
) -> Iterator[str]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
            yield f"{place} has a wrong length"
        pattern = _pattern(schema.get("pattern", ""))
        if pattern is not None and len(value) <= MAX_TEXT:
            whole.left -= len(value)
            if whole.left > 0 and not pattern.search(value):
                yield f"{place} does not fit its pattern"
    elif is_number and not _is_within(value, schema):
        yield f"{place} is out of range"


@lru_cache(maxsize=32)  # one of them remembers up to a megabyte
def _pattern(written: str) -> LinearPattern | None:
    """None for one that is not checked."""
    try:
        pattern = LinearPattern(written, ignore_case=False) if written else None
    except InvalidAgent:
        return None
    return pattern if pattern is not None and pattern.size <= MAX_PATTERN else None


def _is_within(value: float, schema: Mapping[str, Any]) -> bool:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = (schema.get(key, False) for key in EXCLUSIVE)
    too_low = value == low if above is True else above is not False and value <= above
    too_high = value == high if below is True else below is not False and value >= below
    return bool(low <= value <= high) and not too_low and not too_high


def _combined_faults(
    value: Any, schema: Mapping[str, Any], whole: _Checking, place: str, depth: int
) -> Iterator[str]:
    for key in COMBINED:
        if key not in schema:
            continue
        wrong = [[*_faults(value, part, whole, place, depth + 1)] for part in schema[key]]
        fitting = sum(not faults for faults in wrong)
        least, most = {"anyOf": (1, len(wrong)), "oneOf": (1, 1), "allOf": (len(wrong),) * 2}[key]
        if not least <= fitting <= most:
            yield f"{place} fits {fitting} of the {len(wrong)} schemas of {key}"


def _list_faults(
    value: list[Any], schema: Mapping[str, Any], whole: _Checking, place: str, depth: int
) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        yield f"{place} has a wrong number of items"
    first = next((schema[key] for key in FIRST_ITEMS if isinstance(schema.get(key), list)), ())
    rest = schema.get("items", True)
    for at, item in enumerate(value):
        part = first[at] if at < len(first) else True if isinstance(rest, list) else rest
        yield from _faults(item, part, whole, f"{place}[{at}]", depth + 1)


def _object_faults(
    value: Mapping[str, Any], schema: Mapping[str, Any], whole: _Checking, place: str, depth: int
) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{place} lacks {name!r}"
    for name, item in value.items():
        part = known.get(name, schema.get("additionalProperties", True))
        yield from _faults(item, part, whole, f"{place}.{name}", depth + 1)
