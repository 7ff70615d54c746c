"""Agents from files, from an MCP server's list of tools and from OpenAI's tool schemas.

A value is recognised by its shape: MCP tools have `inputSchema`, OpenAI's have the type
"function" or "custom", or `parameters`, ours have the fields of `Agent`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_router.errors import InvalidAgent
from edge_router.guards.bounded_file import read_text
from edge_router.guards.json_lines import json_value
from edge_router.guards.redaction import quoted_json

from .agent import Agent
from .look_alikes import check_names

__all__ = ["agents_from_file", "agents_of", "mcp_tools", "openai_tool"]

MAX_FILE_BYTES = 1 << 26


def agents_from_file(path: Path) -> list[Agent]:
    """The agents of a TOML or JSON file, at least one. Raises InvalidAgent.

    TOML has a table [agents.NAME] for each; JSON the same, a list, or an MCP or OpenAI list.
    """
    text = read_text(path, InvalidAgent, most=MAX_FILE_BYTES)
    try:
        value = tomllib.loads(text) if path.suffix == ".toml" else json_value(text)
    except RecursionError:
        raise InvalidAgent(f"{path} is nested too deeply") from None
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise InvalidAgent(f"{path} holds no agents; as {kind}: {error}") from None
    return agents_of(value)


def agents_of(value: Any) -> list[Agent]:
    """The agents of a parsed file, of an MCP reply, or of a request's `tools`; at least one.

    Raises InvalidAgent for anything else, and where two have one name.
    """
    agents = list(_agents(value))
    if not agents:
        raise InvalidAgent("the list of agents is empty; name at least one")
    check_names(agent.name for agent in agents)
    return agents


def _agents(value: Any) -> Iterable[Agent]:
    if isinstance(value, Mapping):
        if "jsonrpc" in value or "tools" in value or "result" in value:
            return mcp_tools(value)
        value = value.get("agents", value.get("functions", value))
    if isinstance(value, Mapping):
        return [Agent.from_json(one, str(name)) for name, one in value.items()]
    if isinstance(value, list | tuple):
        return [_agent(one) for one in value]
    raise InvalidAgent(f"agents are {quoted_json(value)}; give a table or a list")


def _agent(stated: Any) -> Agent:
    if _is_openai(stated):
        return openai_tool(stated)
    if isinstance(stated, Mapping) and "inputSchema" in stated:
        return _mcp_tool(stated)
    return Agent.from_json(stated)


def _is_openai(stated: Any) -> bool:
    """Whether it is a tool of a request, or a function as older requests state it."""
    return isinstance(stated, Mapping) and (
        stated.get("type") in ("function", "custom")
        or "function" in stated
        or "parameters" in stated
    )


def openai_tool(stated: Mapping[str, Any]) -> Agent:
    """The agent of a tool as OpenAI's chat completions and responses state it."""
    function = stated.get("function", stated.get("custom", stated))
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InvalidAgent(f"a tool has no function with a name: {quoted_json(stated)}")
    return Agent(
        name=function["name"],
        description=_text(function.get("description"), function["name"]),
        input_schema=_schema(function.get("parameters")),
    )


def mcp_tools(reply: Mapping[str, Any]) -> Iterator[Agent]:
    """The agents of a reply to MCP's `tools/list`, or of its result alone.

    Raises InvalidAgent for a JSON-RPC error, and for a reply that holds no list of tools.
    """
    if (error := reply.get("error")) is not None:
        raise InvalidAgent(f"the MCP server lists no tools: {quoted_json(error)}")
    result = reply.get("result", reply)
    tools = result.get("tools") if isinstance(result, Mapping) else None
    if not isinstance(tools, list | tuple):
        raise InvalidAgent(f"the MCP server's reply holds no list of tools: {quoted_json(reply)}")
    for stated in tools:
        is_ours = isinstance(stated, Mapping) and "input_schema" in stated
        yield _agent(stated) if is_ours or _is_openai(stated) else _mcp_tool(stated)


def _mcp_tool(stated: Any) -> Agent:
    if not isinstance(stated, Mapping) or not isinstance(stated.get("name"), str):
        raise InvalidAgent(f"an MCP tool has no name: {quoted_json(stated)}")
    if "inputSchema" not in stated:
        raise InvalidAgent(f"the MCP tool {stated['name']!r} has no inputSchema")
    described = _text(stated.get("description") or stated.get("title"), stated["name"])
    return Agent(
        name=stated["name"],
        description=described,
        input_schema=_schema(stated["inputSchema"]),
        output_schema=_schema(stated.get("outputSchema")),
    )


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidAgent(f"the description of {name!r} is {quoted_json(value)}, no text")
    return value


def _schema(value: Any) -> Any:
    """As stated, for `Agent` to check; nothing stated is a schema without demands."""
    return {} if value is None else value
