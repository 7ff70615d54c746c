"""Grammars (GBNF) that bind what a model writes: JSON by a schema, or calls of tools.

A schema is reduced to the keywords that a grammar keeps; others would fetch addresses or nest
without end. Where a schema is strict, a keyword that the grammar cannot keep is an error; else the
grammar keeps the rest, and the model reads the whole schema in its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from edge_router.chat.tools import NamedTool, ResponseFormat, Tool, ToolChoice
from edge_router.errors import BackendRejected, BackendUnavailable

from .gbnf import FORMATS, gbnf
from .tool_format import ToolFormat

__all__ = ["answer_grammar"]

MOST_NODES, DEEPEST = 2_000, 24
MOST_REPEATED = 100  # characters or entries that a grammar counts
PLAIN = ("object", "array", "string", "number", "integer", "boolean", "null")
NOTES = frozenset(
    """
    title description default examples deprecated readOnly writeOnly format $schema $id $comment
    $defs definitions
    """.split()
)
KEPT = frozenset(
    """
    type properties required additionalProperties items enum const anyOf $ref minItems maxItems
    minLength maxLength
    """.split()
)
ANYTHING = {"anyOf": [{"type": kind} for kind in PLAIN]}
ANY_OBJECT = ResponseFormat("json_schema", schema={"type": "object"})


@lru_cache(maxsize=64)  # a program asks for the same form again and again
def answer_grammar(
    form: ResponseFormat | None,
    tools: tuple[Tool, ...],
    choice: ToolChoice | None,
    *,
    written: ToolFormat | None,
    several: bool,
) -> str | None:
    """The grammar of an answer in the form `form` or of calls of `tools`, None for free text.

    `written` is the form of a call, `several` says that there may be more than one. Raises
    BackendUnavailable for a schema that no grammar keeps, BackendRejected for one that is none.
    """
    answer = None
    if form is not None and form.type != "text":
        schema = form if form.schema is not None else ANY_OBJECT
        answer = gbnf(_Reduced(bool(schema.strict)).schema(schema.schema or {}), root="answer")
    if not tools or choice == "none" or written is None:
        return None if answer is None else f"{answer}\nroot ::= answer"
    calls = _calls(tools, choice, written, several=several)
    if choice == "required" or isinstance(choice, NamedTool):
        return f"{calls}\nroot ::= calls"
    first = "<" if written is ToolFormat.MARKED else "{"
    text = answer or f"answer ::= [^{first}] .*{' | ' + MARKUP if first == '<' else ''}"
    if answer is not None:  # rules of both may share a name, and are then the same
        shared = set(calls.splitlines())
        text = "\n".join(line for line in answer.splitlines() if line not in shared)
    return f"{calls}\n{text}\nroot ::= calls | answer"


MARKUP = '"<" [^t] .*'  # <table>, <p>: only a "<t" begins a call


def _calls(
    tools: Sequence[Tool], choice: ToolChoice | None, written: ToolFormat, *, several: bool
) -> str:
    named = [
        tool for tool in tools if not isinstance(choice, NamedTool) or tool.name == choice.name
    ]
    reduced = [_call(tool, written, at) for at, tool in enumerate(named)]
    definitions = {name: one for _, defs in reduced for name, one in defs.items()}
    schema = {"anyOf": [one for one, _ in reduced], "$defs": definitions}
    rules = gbnf(schema, root="call")
    if written is ToolFormat.BARE:
        return f"{rules}\ncalls ::= call"
    more = ' ("\\n" marked)*' if several and not isinstance(choice, NamedTool) else ""
    marked = 'marked ::= "<tool_call>\\n" call "\\n"? "</tool_call>"'
    return f"{rules}\n{marked}\ncalls ::= marked{more}"


def _call(tool: Tool, written: ToolFormat, at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a call of `tool`, and the definitions that it refers to."""
    reduced = _Reduced(bool(tool.strict), prefix=f"d{at}x")
    arguments = reduced.schema(tool.parameters or {"type": "object"})
    definitions = arguments.pop("$defs", {})
    call = {
        "type": "object",
        "properties": {"name": {"enum": [tool.name]}, written.arguments: arguments},
        "required": ["name", written.arguments],
        "additionalProperties": False,
    }
    return call, definitions


@dataclass(slots=True)
class _Reduced:
    """Reduces one schema. With `strict` what cannot be kept is an error. The definitions that it
    refers to get names that begin with `prefix`, so that none is that of a rule."""

    strict: bool
    prefix: str = "d"
    _root: Mapping[str, Any] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _definitions: dict[str, Any] = field(default_factory=dict)
    _nodes: int = 0

    def schema(self, root: Mapping[str, Any]) -> dict[str, Any]:
        """The reduced schema, with the definitions that it refers to."""
        self._root = root
        reduced = self._reduced(root, 0)
        self._require_end()
        return {**reduced, "$defs": self._definitions} if self._definitions else reduced

    def _reduced(self, node: Any, depth: int) -> dict[str, Any]:
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            raise BackendUnavailable(
                "a JSON schema is too large for a grammar; make it smaller or flatter"
            )
        if node is True or node == {}:
            return dict(ANYTHING)
        if not isinstance(node, Mapping):
            raise BackendRejected("a part of a JSON schema is neither an object nor true")
        self._require_kept(node)
        if "$ref" in node:
            return {"$ref": self._definition(node["$ref"], depth)}
        if "const" in node or "enum" in node:
            return {"enum": [node["const"]] if "const" in node else list(node["enum"])}
        for union in ("anyOf", "oneOf"):
            if union in node:
                return {"anyOf": [self._reduced(one, depth + 1) for one in node[union]]}
        return self._of_type(node, depth)

    def _require_kept(self, node: Mapping[str, Any]) -> None:
        for name in node.keys() - KEPT - NOTES if self.strict else ():
            raise BackendUnavailable(
                f"no grammar keeps {name!r} of a strict JSON schema; leave it out"
            )

    def _of_type(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        kind = node.get("type")
        if isinstance(kind, (list, tuple)):
            return {"anyOf": [self._reduced({**node, "type": one}, depth + 1) for one in kind]}
        if kind is None:
            kind = "object" if "properties" in node else "array" if "items" in node else None
        if kind is None:
            return dict(ANYTHING)
        if kind not in PLAIN:
            raise BackendRejected(
                "a JSON schema has an unknown type; use one of " + ", ".join(PLAIN)
            )
        if kind == "object":
            return self._object(node, depth)
        if kind == "array":
            items = self._reduced(_any_item(node), depth + 1)
            return {"type": kind, "items": items, **self._bounds(node, "minItems", "maxItems")}
        if kind == "string":
            form = {"format": node["format"]} if node.get("format") in tuple(FORMATS) else {}
            return {"type": kind, **form, **self._bounds(node, "minLength", "maxLength")}
        return {"type": kind}

    def _object(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        stated = node.get("properties") or {}
        more = node.get("additionalProperties", not stated)
        properties = {name: self._reduced(one, depth + 1) for name, one in stated.items()}
        required = [name for name in node.get("required") or () if name in properties]
        rest = more if more is False else self._reduced(more, depth + 1)
        if not properties and more is not False:
            return {"type": "object"} if more is True else {
                "type": "object", "additionalProperties": rest
            }  # fmt: skip
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": rest,
        }

    def _bounds(self, node: Mapping[str, Any], low: str, high: str) -> dict[str, int]:
        """The bounds on a length, as far as a grammar counts."""
        bounds = {name: node[name] for name in (low, high) if type(node.get(name)) is int}
        for name, bound in list(bounds.items()):
            if not 0 <= bound <= MOST_REPEATED:
                if self.strict or name == low:
                    raise BackendUnavailable(
                        f"{name} of a JSON schema is {bound}; a grammar counts to {MOST_REPEATED}"
                    )
                del bounds[name]
        return bounds

    def _definition(self, reference: Any, depth: int) -> str:
        """The place of a definition in the reduced schema; only those in this schema are read."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise BackendUnavailable(
                "a $ref of a JSON schema must begin with '#/'; no other is read"
            )
        if reference not in self._names:
            name = f"{self.prefix}{len(self._names)}"
            self._names[reference] = name
            self._definitions[name] = self._reduced(self._found(reference), depth + 1)
        return f"#/$defs/{self._names[reference]}"

    def _require_end(self) -> None:
        """Refuse definitions that refer to themselves before anything is written: the grammar's
        rules would be left-recursive, at which llama.cpp ends the process."""
        heads = {f"#/$defs/{name}": _heads(one) for name, one in self._definitions.items()}
        for start, begins in heads.items():
            seen, waiting = set[str](), list(begins)
            while waiting:
                reference = waiting.pop()
                if reference == start:
                    raise BackendRejected("a $ref of a JSON schema leads to itself without end")
                if reference not in seen:
                    seen.add(reference)
                    waiting += heads[reference]

    def _found(self, reference: str) -> Any:
        node: Any = self._root
        for step in reference.split("/")[1:]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list | tuple) and key.isascii() and key.isdigit():
                node = dict(enumerate(node)).get(int(key))
            else:
                node = node.get(key) if isinstance(node, Mapping) else None
            if node is None:
                raise BackendRejected("a $ref of a JSON schema points to nothing in it")
        return node


def _any_item(node: Mapping[str, Any]) -> Any:
    """A schema that each entry of an array fits; of a list of schemas, one for each place, a
    grammar keeps that it is one of them."""
    items = node.get("items", True)
    first = items if isinstance(items, list | tuple) else node.get("prefixItems") or ()
    if not first:
        return items
    others = () if items is False or isinstance(items, list | tuple) else (items,)
    return {"anyOf": [*first, *others]}


def _heads(reduced: Mapping[str, Any]) -> list[str]:
    """The references with which a value of a reduced schema may begin."""
    if "$ref" in reduced:
        return [reduced["$ref"]]
    return [one for part in reduced.get("anyOf", ()) for one in _heads(part)]
