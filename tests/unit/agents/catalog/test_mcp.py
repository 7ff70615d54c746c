"""MCP servers: a good one, and those that hang, lie or end."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from edge_router.agents.catalog import mcp
from edge_router.agents.catalog.mcp import listed_tools
from edge_router.agents.catalog.sources import agents_of
from edge_router.errors import InvalidAgent

GOOD = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    result = {}
    if asked["method"] == "tools/list":
        page = asked["params"].get("cursor", "one")
        result = {"tools": [{"name": page, "inputSchema": {"type": "object"}}]}
        if page == "one":
            result["nextCursor"] = "two"
    print(json.dumps({"jsonrpc": "2.0", "method": "notifications/message"}))
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""
ENDLESS = GOOD.replace('if page == "one":', "if True:")
LYING = GOOD.replace('"tools": [', '"tools": 3, "x": [')
REFUSING = GOOD.replace('"result": result', '"error": {"code": 1}')


def server(tmp_path: Path, source: str) -> str:
    path = tmp_path / "server.py"
    path.write_text(source)
    return shlex.join([sys.executable, str(path)])


def test_all_pages_of_a_server_are_read(tmp_path: Path) -> None:
    """Its notifications in between are passed over."""
    agents = agents_of(listed_tools(server(tmp_path, GOOD)))
    assert [agent.name for agent in agents] == ["one", "two"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import time\ntime.sleep(60)", "does not answer in time"),
        ("print('hello')", "no JSON"),
        ("print('[]')", "no JSON-RPC"),
        ("", "ended"),
        (LYING, "lists no tools"),
        (REFUSING, "refuses initialize"),
        (ENDLESS, "more than 100 pages"),
        ("import signal, time\nsignal.signal(15, 1)\ntime.sleep(60)", "does not answer"),
    ],
)
def test_a_server_that_hangs_or_lies_is_a_typed_error(
    tmp_path: Path, source: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not hold up its caller, who waits half a second for those that hang."""
    monkeypatch.setattr(mcp, "END_S", 0.2)
    started = time.monotonic()
    limit = 0.5 if "sleep" in source else 20.0
    with pytest.raises(InvalidAgent, match=words):
        listed_tools(server(tmp_path, source), limit_s=limit)
    assert time.monotonic() - started < 40


@pytest.mark.parametrize("command", ["", "no-such-program-anywhere", "'unbalanced"])
def test_a_command_that_cannot_be_started_is_a_typed_error(command: str) -> None:
    """No shell reads it."""
    with pytest.raises(InvalidAgent, match="cannot be started"):
        listed_tools(command)
