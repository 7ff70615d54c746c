"""Grammars: schemas reduced to what a grammar keeps, and what no grammar keeps."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.backends.llama_cpp.answer.grammar import answer_grammar
from edge_router.backends.llama_cpp.answer.tool_format import ToolFormat
from edge_router.chat.tools import NamedTool, ResponseFormat, Tool
from edge_router.errors import BackendError, BackendUnavailable

PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def grammar(
    schema: Any = None, *, tools: tuple[Tool, ...] = (), choice: Any = None, **settings: Any
) -> str | None:
    """The grammar of an answer by `schema`, or of calls of `tools`."""
    strict = settings.pop("strict", None)
    form = None if schema is None else ResponseFormat("json_schema", schema=schema, strict=strict)
    stated = {"written": ToolFormat.MARKED, "several": True} | settings
    return answer_grammar(form, tools, choice, **stated)  # type: ignore[arg-type]


def test_free_text_has_no_grammar() -> None:
    """It would take time at each token."""
    assert grammar() is None
    assert answer_grammar(ResponseFormat("text"), (), None, written=None, several=True) is None
    assert grammar(tools=(Tool("f"),), choice="none") is None


def test_any_object_is_one() -> None:
    """JSON mode: an object, whatever is in it."""
    made = answer_grammar(ResponseFormat("json_object"), (), None, written=None, several=True)
    assert made is not None
    assert made.endswith("root ::= answer")


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"type": "string"}},
        {"type": "integer", "minimum": 3},
        {"type": "string", "pattern": "^a+$"},
        {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}},
        {"type": "string", "maxLength": 10**9},
        {"oneOf": [{"type": "string"}]},
    ],
)
def test_what_a_grammar_cannot_keep_is_said_where_it_must(schema: dict[str, Any]) -> None:
    """A strict schema is a promise; another one is a wish, and the model reads it."""
    with pytest.raises(BackendUnavailable, match=r"no grammar keeps|a grammar counts to 100"):
        grammar(schema, strict=True)
    assert grammar(schema) is not None


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "https://example.org/schema.json"}, "must begin with '#/'; no other is read"),
        ({"$ref": "file:///etc/passwd"}, "must begin with '#/'; no other is read"),
        ({"$ref": "#"}, "must begin with '#/'"),
        ({"$ref": "#/$defs/none"}, "points to nothing in it"),
        ({"$ref": "#/anyOf/7", "anyOf": [{}]}, "points to nothing in it"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "to itself without end"),
        (
            {
                "items": {"$ref": "#/$defs/a"},
                "$defs": {
                    "b": {"oneOf": [{"$ref": "#/$defs/a"}]},
                    "a": {"anyOf": [{"items": {"$ref": "#/$defs/b"}}, {"$ref": "#/$defs/b"}]},
                },
            },
            "to itself without end",
        ),
        ({"type": "thing"}, "unknown type; use one of object"),
        ({"anyOf": [{"type": "array", "items": 3}]}, "neither an object nor true"),
        ({"type": "string", "minLength": 10**9}, "minLength of a JSON schema is 1000000000"),
        ({"anyOf": [{"enum": [n]} for n in range(3000)]}, "too large for a grammar"),
    ],
)
def test_a_schema_that_no_grammar_can_keep_is_refused(schema: Any, words: str) -> None:
    """Nothing is fetched, and nothing grows without end."""
    with pytest.raises(BackendError, match=words):
        grammar(schema)


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"items": [{"type": "string"}, {"type": "integer"}]}, "(string | integer)"),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, "(string)"),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "null"}},
         "(string | null)"),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]},
          "b": {"$ref": "#/properties/a/anyOf/1"}}}, "def-d0 ::= string"),
        ({"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "null"}}}, "def-d0 ::= null"),
    ],
)  # fmt: skip
def test_what_generators_of_schemas_write_is_kept(schema: Any, rule: str) -> None:
    """References into lists and with escapes, and lists of items, of which a grammar keeps that an
    entry is one of them."""
    assert rule in (grammar(schema) or "")


def test_a_schema_too_deep_is_refused() -> None:
    """llama.cpp would run out of stack."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(50):
        schema = {"type": "array", "items": schema}
    with pytest.raises(BackendUnavailable, match="too large for a grammar"):
        grammar(schema)


def test_definitions_of_several_tools_do_not_mix() -> None:
    """Each refers to its own, also where they have one name, or that of a rule."""
    words = {"f": "MINE", "g": "YOURS"}
    tools = [
        Tool(name, "", {
            "type": "object", "properties": {"a": {"$ref": "#/$defs/string"}}, "required": ["a"],
            "$defs": {"string": {"enum": [word]}},
        })
        for name, word in words.items()
    ]  # fmt: skip
    made = grammar(tools=tuple(tools), choice="required")
    assert made is not None
    assert made.count("MINE") == made.count("YOURS") == 1


def test_a_recursive_schema_is_kept() -> None:
    """A definition may refer to itself."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    assert grammar({"$ref": "#/$defs/node", "$defs": {"node": node}}) is not None


@pytest.mark.parametrize(
    ("choice", "several", "root"),
    [
        ("required", True, "root ::= calls"),
        (NamedTool("f"), True, "root ::= calls"),
        ("auto", True, "root ::= calls | answer"),
        (None, False, "root ::= calls | answer"),
    ],
)
def test_the_choice_says_whether_text_is_an_answer(choice: Any, several: bool, root: str) -> None:
    """A named tool is called alone, others as often as the request allows."""
    made = grammar(tools=(Tool("f"), Tool("g")), choice=choice, several=several)
    assert made is not None
    assert made.endswith(root)
    assert ('\\"g\\"' in made) is (choice != NamedTool("f"))
    repeated = 'calls ::= marked ("\\n" marked)*' in made
    assert repeated is (several and choice != NamedTool("f"))
