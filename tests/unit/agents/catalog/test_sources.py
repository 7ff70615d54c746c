"""Agents from files, MCP replies and OpenAI tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.agents.catalog.sources import agents_from_file, agents_of
from edge_router.errors import InvalidAgent

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
MCP_TOOL = {"name": "weather", "title": "Weather", "inputSchema": CITY}
MCP_REPLY = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP_TOOL]}}
OPENAI = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
RESPONSES = {"type": "function", "name": "weather", "parameters": CITY}


@pytest.mark.parametrize(
    "value",
    [
        MCP_REPLY, {"tools": [MCP_TOOL]}, {"tools": [OPENAI]}, [OPENAI], [RESPONSES], [MCP_TOOL],
        {"functions": [OPENAI["function"]]}, [OPENAI["function"]],
        [{"function": OPENAI["function"]}], {"tools": [{"name": "weather", "input_schema": CITY}]},
    ],
)  # fmt: skip
def test_every_shape_of_a_tool_is_an_agent(value: Any) -> None:
    """MCP's and OpenAI's lists give the same name and schema."""
    (agent,) = agents_of(value)
    assert (agent.name, dict(agent.input_schema)) == ("weather", CITY)


@pytest.mark.parametrize(
    "tool",
    [{"type": "custom", "custom": {"name": "shell", "description": "Runs a command"}},
     {"type": "custom", "name": "shell", "description": "Runs a command", "format": {}}],
)  # fmt: skip
def test_a_custom_tool_has_no_parameters(tool: Any) -> None:
    """It takes a text."""
    (agent,) = agents_of({"tools": [tool]})
    assert (agent.name, agent.description, agent.input_schema) == ("shell", "Runs a command", {})


def test_an_mcp_tool_without_description_has_its_title() -> None:
    """The title is for people, and says more than nothing."""
    assert agents_of(MCP_REPLY)[0].description == "Weather"


def test_a_toml_file_has_a_table_for_each_agent(tmp_path: Path) -> None:
    """Every field may stand in it."""
    path = tmp_path / "agents.toml"
    path.write_text(
        '[agents.weather]\ndescription = "Forecasts"\nexamples = ["will it rain"]\n'
        'category = "Travel"\nenabled = false\n[agents.weather.input_schema]\ntype = "object"\n'
    )
    (agent,) = agents_from_file(path)
    assert (agent.name, agent.category, agent.enabled) == ("weather", "Travel", False)
    assert agent.examples == ("will it rain",)


@pytest.mark.parametrize("content", ["", "[", "[]", '{"agents": {}}', '{"tools": []}', "3", "null"])
def test_a_file_without_agents_is_refused(tmp_path: Path, content: str) -> None:
    """Empty, broken, or something else."""
    path = tmp_path / "agents.json"
    path.write_text(content)
    with pytest.raises(InvalidAgent):
        agents_from_file(path)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([OPENAI, OPENAI], "two agents are called 'weather'"),
        ({"jsonrpc": "2.0", "error": {"code": -32601}}, "lists no tools"),
        ({"jsonrpc": "2.0", "result": {}}, "no list of tools"),
        ({"result": {"tools": [{"name": "a"}]}}, "no inputSchema"),
        ({"tools": [{"inputSchema": {}}]}, "no name"),
        ({"tools": [{"name": "a", "inputSchema": "x"}]}, "a JSON schema is an object"),
        ({"tools": [{"name": "a", "inputSchema": {}, "description": 3}]}, "no text"),
        ([{"type": "function", "function": {}}], "no function with a name"),
        ([{"description": "x"}], "no name"),
        ([{"name": "a", "colour": "red"}], "colour"),
        ([3], "must be a table"),
    ],
)
def test_a_reply_that_lies_is_refused(value: Any, words: str) -> None:
    """Each fault has words of its own."""
    with pytest.raises(InvalidAgent, match=words):
        agents_of(value)


def test_a_thousand_tools_are_read(tmp_path: Path) -> None:
    """A long list keeps its order."""
    path = tmp_path / "tools.json"
    tools = [{"name": f"tool{n}", "inputSchema": {}} for n in range(1000)]
    path.write_text(json.dumps({"tools": tools}))
    assert [one.name for one in agents_from_file(path)] == [f"tool{n}" for n in range(1000)]
