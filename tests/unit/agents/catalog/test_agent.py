"""Agents and the schemas of their parameters."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.agents.catalog.agent import Agent
from edge_router.agents.catalog.schema import check_schema, schema_faults
from edge_router.errors import InvalidAgent

BOOKING = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1},
        "nights": {"type": "integer", "minimum": 1, "maximum": 30},
        "class": {"enum": ["economy", "business"]},
        "guests": {"type": "array", "items": {"$ref": "#/$defs/guest"}},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"guest": {"type": "object", "required": ["name"]}},
}


def test_an_agent_survives_its_json() -> None:
    """`from_json` makes again what `to_json` wrote."""
    agent = Agent("book", "Books hotels", BOOKING, {}, ("two nights in Rome",), "travel_", "Travel")
    assert Agent.from_json(agent.to_json()) == agent


@pytest.mark.parametrize(
    ("name", "prefix", "spoken"),
    [
        ("bookFlight_v2", "", "book flight v 2"),
        ("travel_book-hotel", "travel_", "book hotel"),
        ("HTTPGet", "", "http get"),
        ("天气", "", "天气"),
        ("überprüfe_Rechnung", "", "überprüfe rechnung"),
        ("cafe\u0301Ouvert", "", "cafe\u0301 ouvert"),
        ("ПогодаСейчас", "", "погода сейчас"),
        ("मौसम_बताओ", "", "मौसम बताओ"),
        ("Wi-Fi设置2", "", "wi fi 设置 2"),
    ],
)
def test_a_name_is_spoken_as_words(name: str, prefix: str, spoken: str) -> None:
    """Camel case, underscores and hyphens are no words of a language; accents tear none apart."""
    assert Agent(name, prefix=prefix).spoken_name == spoken


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a\nb",
        "none",
        " NONE ",
        "x" * 129,
        "\ud800",
        "a\u202eb",
        "a\u200b",
        "a\x85b",
        "n\u043ene",
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    """Empty, with a line break, too long, not UTF-8, or the word for no agent."""
    with pytest.raises(InvalidAgent):
        Agent(name)


@pytest.mark.parametrize(
    "schema",
    [
        "a text",
        ["object"],
        {"type": "thing"},
        {"properties": []},
        {"properties": {"a": 3}},
        {"required": "city"},
        {"enum": []},
        {"anyOf": {}},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}},
        {"type": []},
        {"enum": ["\ud800"]},
        {"exclusiveMinimum": "one"},
        {"pattern": 3},
        {"minimum": "one"},
        {"type": "object", "default": float("nan")},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """The message names the agent."""
    with pytest.raises(InvalidAgent, match="of agent 'a'"):
        Agent("a", input_schema=schema)


def test_a_schema_as_deep_as_a_stack_is_refused() -> None:
    """A schema in a schema, a thousand times."""
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(InvalidAgent, match="nested"):
        check_schema(schema, "it")


def test_arguments_that_fit_have_no_faults() -> None:
    """All keywords at once."""
    value = {"city": "Rome", "nights": 2, "class": "economy", "guests": [{"name": "Ann"}]}
    assert schema_faults(value, check_schema(BOOKING, "it")) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "it must be of type object"),
        ({}, "it lacks 'city'"),
        ({"city": ""}, "it.city has a wrong length"),
        ({"city": "Rome", "nights": 0}, "it.nights is out of range"),
        ({"city": "Rome", "nights": True}, "it.nights must be of type integer"),
        ({"city": "Rome", "class": "first"}, "it.class must be one of ['economy', 'business']"),
        ({"city": "Rome", "guests": [{}]}, "it.guests[0] lacks 'name'"),
        ({"city": "Rome", "pets": 1}, "it.pets is not allowed"),
    ],
)
def test_what_does_not_fit_is_said(value: Any, words: str) -> None:
    """The place and the rule, never the value."""
    assert words in schema_faults(value, BOOKING)


@pytest.mark.parametrize(
    ("key", "fitting"), [("anyOf", ["a", 1]), ("oneOf", ["a"]), ("allOf", [1])]
)
def test_combined_schemas(key: str, fitting: list[Any]) -> None:
    """At least one, exactly one, all of them."""
    schema = {key: [{"type": ["string", "integer"]}, {"type": "integer"}]}
    assert [one for one in ("a", 1, 2.5) if not schema_faults(one, schema)] == fitting


def test_a_schema_that_asks_for_millions_of_checks_ends() -> None:
    """Eight alternatives, each the whole schema again, sixteen deep."""
    schema = check_schema({"anyOf": [{"$ref": "#"}] * 8}, "it")
    assert schema_faults({}, schema) == ["it takes too long to check by its schema"]


@pytest.mark.parametrize("reference", ["#/required", "#/x", "#/x/type", "#/required/0"])
def test_a_reference_to_what_is_no_schema_is_refused(reference: str) -> None:
    """Wherever in the document it lies."""
    schema = {
        "x": {"type": "no type"},
        "required": ["a"],
        "properties": {"a": {"$ref": reference}},
    }
    with pytest.raises(InvalidAgent):
        check_schema(schema, "it")


def test_a_reference_to_itself_ends() -> None:
    """A schema that refers to itself without end refuses instead of recursing."""
    schema = check_schema({"$ref": "#"}, "it")
    assert schema_faults(1, schema) == ["it is nested too deeply"]


@pytest.mark.parametrize(
    ("schema", "fitting", "other"),
    [
        ({"exclusiveMinimum": 0}, 1, 0),
        ({"pattern": "^[A-Z]{2}[0-9]+$"}, "AB12", "ab12"),
        ({"pattern": "(a|a)*b"}, "aab", "a" * 1000),
        ({"pattern": "^(?=a)[a-z]+$", "maxLength": 1}, "b", "ab"),
        ({"exclusiveMaximum": 5, "maximum": 9}, 4, 5),
        ({"minimum": 0, "exclusiveMinimum": True}, 1, 0),
        ({"maximum": 5, "exclusiveMaximum": False}, 5, 6),
        ({"minItems": 1, "maxItems": 2}, ["a"], []),
        ({"items": [{"type": "string"}, {"type": "integer"}]}, ["a", 1, None], ["a", "b"]),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["a", 1], ["a", "b"]),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], ["a", "b"]),
        ({"enum": [1, 2]}, 1.0, True),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a%20b"}], "$defs": {"a b": {"const": 1}}},
         None, 2),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]},
          "b": {"$ref": "#/properties/a/anyOf/1"}}}, {"b": "x"}, {"b": None}),
    ],
)  # fmt: skip
def test_what_generators_of_schemas_write_is_understood(
    schema: Any, fitting: Any, other: Any
) -> None:
    """Limits that exclude, lists of items of draft 7, references into lists, 1.0 as 1."""
    checked = check_schema(schema, "it")
    assert schema_faults(fitting, checked) == []
    assert schema_faults(other, checked)


def test_patterns_of_many_texts_end() -> None:
    """Each character that is searched counts as a check."""
    schema = check_schema({"items": {"pattern": "(a|b)*a(a|b){8}c"}}, "it")
    assert schema_faults(["ab" * 500] * 1000, schema) == [
        "it takes too long to check by its schema"
    ]
    assert schema_faults(["x"], schema) == ["it[0] does not fit its pattern"]
