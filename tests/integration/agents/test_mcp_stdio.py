"""MCP servers that are started: a good one, and those that hang, lie or end."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from edge_router.agents.catalog import mcp_stdio
from edge_router.agents.catalog.mcp import listed_tools
from edge_router.agents.catalog.sources import agents_of
from edge_router.errors import InvalidAgent
from edge_router.settings.config import Config

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
FAR = GOOD.replace('= "two"', '= "x" * 5000')
FLOODING = """
import sys
line = '{"jsonrpc": "2.0", "method": "notifications/message"}\\n' * 50
while True:
    sys.stdout.write(line)
"""
HUGE = "import sys\nfor _ in range(100): sys.stdout.write('x' * 2**20)"
REFUSING = GOOD.replace('"result": result', '"error": {"code": 1, "message": "too old"}')
MIXED_UP = GOOD.replace('"id": asked["id"]', '"id": str(asked["id"])')
WAITING = """
import itertools, json, sys
first = sys.stdin.readline()
for number, method in enumerate(("ping", "roots/list")):
    print(json.dumps({"jsonrpc": "2.0", "id": number, "method": method}), flush=True)
while json.loads(sys.stdin.readline()).get("error", {}).get("code") != -32601:
    pass
""" + GOOD.replace("in sys.stdin:", "in itertools.chain([first], sys.stdin):")


def server(tmp_path: Path, source: str) -> str:
    path = tmp_path / "server.py"
    path.write_text(source)
    return shlex.join([sys.executable, str(path)])


def test_all_pages_of_a_server_are_read(tmp_path: Path) -> None:
    """Its notifications in between are passed over."""
    agents = agents_of(listed_tools(server(tmp_path, GOOD), Config()))
    assert [agent.name for agent in agents] == ["one", "two"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import time\ntime.sleep(60)", "does not answer in time"),
        ("print('hello')", "no JSON: 'hello'"),
        ("print('[]')", "no JSON-RPC"),
        ("", "ended \\(status 0\\)$"),
        ("raise SystemExit('no key is set')", r"ended \(status 1\): 'no key is set'"),
        (MIXED_UP, "answers 1 with the id '1'"),
        (LYING, "lists no tools"),
        (REFUSING, "refuses initialize: 'too old'"),
        (ENDLESS, "more than 100 pages"),
        (FAR, "a next page that is none"),
        (FLOODING, "over 16,777,216 bytes"),
        (HUGE, "over 16,777,216 bytes"),
        ("import signal, time\nsignal.signal(15, 1)\ntime.sleep(60)", "does not answer"),
    ],
)
def test_a_server_that_hangs_or_lies_is_a_typed_error(
    tmp_path: Path, source: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not hold up its caller, who waits half a second for those that hang."""
    monkeypatch.setattr(mcp_stdio, "END_S", 0.2)
    started = time.monotonic()
    limit = 0.5 if "sleep" in source else 20.0
    with pytest.raises(InvalidAgent, match=words):
        listed_tools(server(tmp_path, source), Config(), limit_s=limit)
    assert time.monotonic() - started < 40


def test_a_server_that_asks_gets_an_answer(tmp_path: Path) -> None:
    """A ping gets a result, what is not known here an error; it might wait for both."""
    assert len(agents_of(listed_tools(server(tmp_path, WAITING), Config(), limit_s=5))) == 2


@pytest.mark.parametrize("command", ["", " ", "no-such-program-anywhere", "'unbalanced"])
def test_a_command_that_cannot_be_started_is_a_typed_error(command: str) -> None:
    """No shell reads it."""
    with pytest.raises(InvalidAgent, match="cannot be started"):
        listed_tools(command, Config())


@pytest.mark.parametrize(
    "secret",
    [
        "--api-key=sk-hush-123456",
        "--token hush",
        "--password 'hush hush'",
        "https://me:hush@h/?hush",
        "h/mcp?hush",
    ],
)
@pytest.mark.parametrize("source", ["print(3)", "raise SystemExit(1)", None])
def test_a_secret_in_a_command_is_not_shown(
    secret: str, source: str | None, tmp_path: Path
) -> None:
    """Neither where it runs nor where it cannot be started."""
    command = "no-such-program-anywhere" if source is None else server(tmp_path, source)
    with pytest.raises(InvalidAgent, match=r"the MCP server .*\*\*\*") as caught:
        listed_tools(f"{command} {secret}", Config())
    assert "hush" not in str(caught.value)
