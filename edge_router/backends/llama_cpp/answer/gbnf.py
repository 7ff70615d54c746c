"""Write a reduced JSON schema as a grammar in GBNF, llama.cpp's own form.

The form: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_router.errors import BackendRejected

__all__ = ["FORMATS", "gbnf"]

DIGITS = '("0" | [1-9] [0-9]{0,15})'
DATE = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [1-2] [0-9] | "3" [0-1])'
CLOCK = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]'
TIME = f'{CLOCK} ":" [0-5] [0-9] ("." [0-9]{{3}})? ("Z" | [+-] {CLOCK})'
HEX = "[0-9a-fA-F]"
SHARED = {  # rules of every grammar; one that is written twice is the same
    "space": '" "?',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" space (string ":" space value ("," space string ":" space value)*)? "}" space',
    "array": '"[" space (value ("," space value)*)? "]" space',
    "char": rf'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" {HEX}{{4}})',
    "string": r'"\"" char* "\"" space',
    "integer": f'"-"? {DIGITS} space',
    "number": f'"-"? {DIGITS} ("." [0-9]{{1,16}})? ([eE] [-+]? [0-9]{{1,3}})? space',
    "boolean": '("true" | "false") space',
    "null": '"null" space',
}
FORMATS = {
    "date": DATE,
    "time": TIME,
    "date-time": f'{DATE} "T" {TIME}',
    "uuid": f'{HEX}{{8}} "-" {HEX}{{4}} "-" {HEX}{{4}} "-" {HEX}{{4}} "-" {HEX}{{12}}',
}


def gbnf(schema: Mapping[str, Any], *, root: str) -> str:
    """The rules of a schema that `grammar` reduced, one a line; `root` is the rule of the whole.

    Raises BackendRejected for a length whose upper bound lies below its lower one, and for an enum
    of nothing.
    """
    writer = _Writer(root)
    for name, one in schema.get("$defs", {}).items():
        writer.rules[writer.defined(name)] = writer.expression(one)
    writer.rules[root] = writer.expression(schema)
    return "\n".join(f"{name} ::= {rule}" for name, rule in (SHARED | writer.rules).items())


@dataclass(slots=True)
class _Writer:
    """Collects the rules of one schema, whose names begin with that of its root."""

    root: str
    rules: dict[str, str] = field(default_factory=dict)

    def defined(self, name: str) -> str:
        return f"{self.root}-def-{name}"

    def expression(self, node: Mapping[str, Any]) -> str:
        """What stands for `node` on the right of a rule."""
        if "$ref" in node:
            return self.defined(node["$ref"].removeprefix("#/$defs/"))
        if "enum" in node:
            if not node["enum"]:
                raise BackendRejected("enum of a JSON schema is empty, so that nothing fits it")
            texts = (json.dumps(one, ensure_ascii=False) for one in node["enum"])
            return f"({' | '.join(map(_literal, texts))}) space"
        if "anyOf" in node:
            return f"({' | '.join(self.expression(one) for one in node['anyOf'])})"
        return self._of_type(node)

    def _of_type(self, node: Mapping[str, Any]) -> str:
        kind: str = node["type"]
        if kind == "object" and ("properties" in node or "additionalProperties" in node):
            return self._object(node)
        if kind == "array" and len(node) > 1:
            return self._array(node)
        if kind == "string" and len(node) > 1:
            inside = FORMATS.get(node.get("format", "")) or f"char{_times(node, 'Length')}"
            return f'"\\"" {inside} "\\"" space'
        return kind

    def _rule(self, expression: str) -> str:
        """The name of a new rule."""
        name = f"{self.root}-{len(self.rules)}"
        self.rules[name] = expression
        return name

    def _array(self, node: Mapping[str, Any]) -> str:
        item = self._rule(self.expression(node.get("items", {"type": "value"})))
        low, high = _bounds(node, "Items")
        if high == 0:
            return '"[" space "]" space'
        more = f"{{{max(low - 1, 0)},{'' if high is None else high - 1}}}"
        items = f'{item} ("," space {item}){more}'
        return f'"[" space {items if low else f"({items})?"} "]" space'

    def _object(self, node: Mapping[str, Any]) -> str:
        """Required properties first, then others in their order, then any that are allowed."""
        properties, required = node.get("properties", {}), node.get("required", [])
        pairs = {name: self._pair(name, one) for name, one in properties.items()}
        rest = node.get("additionalProperties", False)
        tail = None
        if rest is not False:
            pair = self._rule(f'string ":" space {self.expression(rest)}')
            tail = self._rule(f'{pair} ("," space {pair})*')
        for name in reversed([name for name in properties if name not in required]):
            after = f' ("," space {tail})? | {tail}' if tail else ""
            tail = self._rule(f"{pairs[name]}{after}")
        first = ' "," space '.join(pairs[name] for name in properties if name in required)
        if tail is not None:
            first += f' ("," space {tail})?' if first else f"({tail})?"
        return f'"{{" space {first} "}}" space'

    def _pair(self, name: str, node: Mapping[str, Any]) -> str:
        key = _literal(json.dumps(name, ensure_ascii=False))
        return self._rule(f'{key} space ":" space {self.expression(node)}')


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\x7f", "\\x7F")
    return f'"{escaped}"'


def _times(node: Mapping[str, Any], what: str) -> str:
    low, high = _bounds(node, what)
    return f"{{{low},{'' if high is None else high}}}"


def _bounds(node: Mapping[str, Any], what: str) -> tuple[int, int | None]:
    low, high = node.get(f"min{what}", 0), node.get(f"max{what}")
    if high is not None and high < low:
        raise BackendRejected(f"max{what} of a JSON schema is below its min{what}")
    return low, high
