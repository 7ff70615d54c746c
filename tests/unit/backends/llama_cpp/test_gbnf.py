"""Grammars in llama.cpp's form, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.backends.llama_cpp.answer.gbnf import gbnf
from edge_router.errors import BackendRejected

PLAIN = {"type": "string"}


def rules(schema: dict[str, Any]) -> dict[str, str]:
    """The rules by name."""
    return dict(line.split(" ::= ", 1) for line in gbnf(schema, root="root").splitlines())


def test_required_properties_come_first_and_others_may_be_left_out() -> None:
    """Each optional one may be the first of the rest."""
    properties = {"a": PLAIN, "b": {"type": "null"}, "c": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "required": ["b"]}
    made = rules({**schema, "additionalProperties": False})
    assert made["root-0"] == r'"\"a\"" space ":" space string'
    assert made["root-3"] == "root-2"
    assert made["root-4"] == 'root-0 ("," space root-3)? | root-3'
    assert made["root"] == '"{" space root-1 ("," space root-4)? "}" space'


def test_any_further_property_follows_the_named_ones() -> None:
    """Of the kind that is allowed."""
    schema = {"type": "object", "properties": {"a": PLAIN}, "required": ["a"]}
    made = rules({**schema, "additionalProperties": {"type": "integer"}})
    assert made["root-1"] == 'string ":" space integer'
    assert made["root-2"] == 'root-1 ("," space root-1)*'
    assert made["root"] == '"{" space root-0 ("," space root-2)? "}" space'


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"enum": ['a"\\\n', 1, None]}, r'("\"a\\\"\\\\\\n\"" | "1" | "null") space'),
        ({"type": "string", "maxLength": 3}, r'"\"" char{0,3} "\"" space'),
        ({"type": "array", "items": PLAIN, "maxItems": 0}, '"[" space "]" space'),
        (
            {"type": "array", "items": PLAIN, "minItems": 2, "maxItems": 3},
            '"[" space root-0 ("," space root-0){1,2} "]" space',
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "(integer | null)"),
        ({"$ref": "#/$defs/d0", "$defs": {"d0": {"type": "null"}}}, "root-def-d0"),
        ({"type": "object"}, "object"),
    ],
)
def test_other_kinds_of_schema(schema: dict[str, Any], rule: str) -> None:
    """The rule of the whole."""
    assert rules(schema)["root"] == rule


def test_a_length_that_nothing_has_is_refused() -> None:
    """llama.cpp would not say why."""
    with pytest.raises(BackendRejected, match="maxLength of a JSON schema is below its minLength"):
        gbnf({"type": "string", "minLength": 3, "maxLength": 2}, root="root")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "uuid"},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        {"type": "object", "properties": {"ü\x7f": PLAIN}, "additionalProperties": PLAIN},
        {"type": "array", "items": {"$ref": "#/$defs/d"}, "$defs": {"d": {"type": "number"}}},
    ],
)
def test_llama_cpp_reads_it(schema: dict[str, Any]) -> None:
    """Its own parser raises for a grammar that is none."""
    grammar = pytest.importorskip("llama_cpp.llama_grammar", reason="no extra `local`")
    grammar.LlamaGrammar.from_string(gbnf(schema, root="root"), verbose=False)


@pytest.mark.parametrize("schema", [{"enum": []}, {"anyOf": [{"enum": []}, {"type": "null"}]}])
def test_an_enum_of_nothing_is_refused(schema: dict[str, Any]) -> None:
    """Nothing fits it."""
    with pytest.raises(BackendRejected, match="enum of a JSON schema is empty"):
        gbnf(schema, root="root")
