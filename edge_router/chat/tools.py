"""Tools that a model may call, the choice among them, and the form of an answer: JSON by a schema.

Their schemas are kept as frozen JSON. No message shows a description or an example.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from edge_router.errors import InvalidRequest
from edge_router.guards.checks import FrozenDict
from edge_router.guards.redaction import quoted

from .conversation import BYTES

__all__ = [
    "NamedTool",
    "ResponseFormat",
    "Tool",
    "ToolChoice",
    "choice_of",
    "described",
    "format_of",
    "frozen_json",
    "require_plain_name",
    "texts_in",
    "tools_of",
]

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MODES = ("none", "auto", "required")
FORMATS = ("text", "json_object", "json_schema")
WORDED = ("description", "title", "enum", "const", "default", "examples")  # of a JSON schema


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call; `parameters` is the JSON schema of its arguments.

    Raises InvalidRequest for a name that OpenAI does not take, and for what is not JSON.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = field(default=None, hash=False)
    strict: bool | None = None

    def __post_init__(self) -> None:
        require_plain_name("the name of a tool", self.name)
        _settle_schema(self, "parameters", f"the tool {self.name!r}")

    def to_json(self) -> dict[str, Any]:
        """OpenAI's dict; fields that are not set are left out."""
        function: dict[str, Any] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        if self.parameters is not None:
            function["parameters"] = self.parameters
        if self.strict is not None:
            function["strict"] = self.strict
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The one tool that has to be called."""

    name: str

    def to_json(self) -> dict[str, Any]:
        """OpenAI's dict."""
        return {"type": "function", "function": {"name": self.name}}


ToolChoice = Literal["none", "auto", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form of the answer: "text", "json_object" for any JSON object, or "json_schema" for JSON
    by `schema`, called `name`. Raises InvalidRequest for anything else."""

    type: Literal["text", "json_object", "json_schema"]
    name: str = "answer"
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    description: str = ""
    strict: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.type, str) or self.type not in FORMATS:
            raise InvalidRequest(
                f"the type of response_format is {quoted(self.type)}; use one of "
                f"{', '.join(FORMATS)}"
            )
        if (self.type == "json_schema") is (self.schema is None):
            need = "needs a schema" if self.schema is None else "has no use for a schema"
            raise InvalidRequest(f"a response_format of type {self.type!r} {need}")
        require_plain_name("the name of response_format", self.name)
        _settle_schema(self, "schema", "response_format")

    def to_json(self) -> dict[str, Any]:
        """OpenAI's dict; fields that are not set are left out."""
        if self.schema is None:
            return {"type": self.type}
        stated: dict[str, Any] = {"name": self.name, "schema": self.schema}
        if self.description:
            stated["description"] = self.description
        if self.strict is not None:
            stated["strict"] = self.strict
        return {"type": self.type, "json_schema": stated}


def _settle_schema(value: Tool | ResponseFormat, field_name: str, what: str) -> None:
    """Check what a tool and a form of an answer have in common; freeze the schema."""
    if not isinstance(value.description, str):
        raise InvalidRequest(
            f"the description of {what} must be text, not {type(value.description).__name__}"
        )
    frozen_json(value.description, f"the description of {what}")
    if value.strict is not None and type(value.strict) is not bool:
        raise InvalidRequest(f"strict of {what} is {quoted(value.strict)}; use True or False")
    schema = getattr(value, field_name)
    if schema is None:
        return
    if not isinstance(schema, Mapping):
        raise InvalidRequest(
            f"{field_name} of {what} must be a JSON schema, an object, not {type(schema).__name__}"
        )
    object.__setattr__(value, field_name, frozen_json(schema, f"{field_name} of {what}"))


def require_plain_name(what: str, name: object) -> None:
    """Raise InvalidRequest for a name that is not 1 to 64 letters, digits, "_" and "-"."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidRequest(
            f"{what} is {quoted(name)}; it must be 1 to 64 letters, digits, '_' or '-'"
        )


def frozen_json(value: Any, what: str) -> Any:
    """A copy of a JSON value that nothing can change: dicts are frozen, lists are tuples.

    Raises InvalidRequest for what JSON cannot write.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        return _frozen(json.loads(text))
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequest(f"{what} holds something that JSON cannot write") from None


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return FrozenDict({name: _frozen(one) for name, one in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def described(schema: Any, words: bool = False) -> Iterator[str]:
    """The texts in a JSON schema that people wrote: descriptions, examples, allowed values."""
    if isinstance(schema, str):
        if words:
            yield schema
    elif isinstance(schema, Mapping):
        for name, value in schema.items():
            yield from described(value, words or name in WORDED)
    elif isinstance(schema, (list, tuple)):
        for value in schema:
            yield from described(value, words)


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(one)


def tools_of(stated: Any) -> tuple[Tool, ...]:
    """Tools, ours or OpenAI's dicts, each name once. Raises InvalidRequest."""
    if isinstance(stated, (str, *BYTES, Mapping)) or not isinstance(stated, Iterable):
        raise InvalidRequest(f"tools must be a list of tools, not {type(stated).__name__}")
    tools = tuple(one if isinstance(one, Tool) else _tool(one) for one in stated)
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise InvalidRequest(f"two tools are called {tool.name!r}; each needs its own name")
        seen.add(tool.name)
    return tools


def _tool(stated: Any) -> Tool:
    kind = stated.get("type", "function") if isinstance(stated, Mapping) else None
    if kind is not None and kind != "function":
        raise InvalidRequest(f"a tool is of type {quoted(kind)}; only 'function' can be called")
    function = stated.get("function") if isinstance(stated, Mapping) else None
    if not isinstance(function, Mapping):
        raise InvalidRequest("a tool must be {'type': 'function', 'function': {'name': ...}}")
    return Tool(
        function.get("name", ""),
        function.get("description") or "",
        function.get("parameters"),
        function.get("strict"),
    )


def choice_of(stated: Any, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """The choice among `tools`: a word, or the name of one. Raises InvalidRequest."""
    if isinstance(stated, Mapping):
        if (kind := stated.get("type")) not in (None, "function"):
            raise InvalidRequest(
                f"tool_choice is of type {quoted(kind)}; use a word, or name a function"
            )
        function = stated.get("function")
        stated = NamedTool(function.get("name", "") if isinstance(function, Mapping) else "")
    if isinstance(stated, NamedTool):
        if not isinstance(stated.name, str) or stated.name not in {tool.name for tool in tools}:
            raise InvalidRequest(f"tool_choice names {quoted(stated.name)}, which is no tool here")
        return stated
    if stated is None:
        return None
    if not isinstance(stated, str) or stated not in MODES:
        raise InvalidRequest(
            f"tool_choice is {quoted(stated)}; use one of {', '.join(MODES)}, or name a tool"
        )
    if stated == "required" and not tools:
        raise InvalidRequest("tool_choice is 'required', but there are no tools; give some")
    return cast("Literal['none', 'auto', 'required']", str.__str__(stated))


def format_of(stated: Any) -> ResponseFormat:
    """The form of the answer, ours or OpenAI's dict. Raises InvalidRequest."""
    if isinstance(stated, ResponseFormat):
        return stated
    if not isinstance(stated, Mapping):
        raise InvalidRequest(
            f"response_format must be a dict with 'type', not {type(stated).__name__}"
        )
    schema = stated.get("json_schema")
    if schema is None:
        return ResponseFormat(stated.get("type", ""))
    if not isinstance(schema, Mapping):
        raise InvalidRequest("json_schema of response_format must be {'name', 'schema'}")
    return ResponseFormat(
        stated.get("type", ""),
        schema.get("name", ""),
        schema.get("schema"),
        schema.get("description") or "",
        schema.get("strict"),
    )
