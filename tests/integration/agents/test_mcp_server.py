"""The official Python SDK's MCP server, over HTTP on loopback, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import run
from edge_router.agents.catalog.mcp import listed_tools
from edge_router.agents.catalog.sources import agents_of
from edge_router.errors import InvalidAgent
from edge_router.settings.config import Config
from serving import client_python

PROGRAM = '''
import socket, sys
import uvicorn
try:
    from mcp.server.mcpserver import MCPServer as Server  # the SDK from 2 on
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

how = {name: True for name in sys.argv[1:] if name != "key"}
first = Server.__name__ == "FastMCP"
server = Server("made", **how) if first else Server("made")

@server.tool()
def weather(city: str, days: int = 1) -> str:
    """Forecasts rain, sun and temperature for a city."""
    return "rain"

@server.tool()
def timer(minutes: float) -> str:
    """Sets a timer."""
    return "set"

app = server.streamable_http_app() if first else server.streamable_http_app(**how)

async def guarded(scope, receive, send):
    key = dict(scope.get("headers", ())).get(b"authorization")
    if scope["type"] != "http" or "key" not in sys.argv or key == b"Bearer open-sesame":
        return await app(scope, receive, send)
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b'{"error": "no token"}'})

sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(guarded)).run(sockets=[sock])
'''


@contextlib.contextmanager
def served(tmp_path: Path, *how: str) -> Iterator[tuple[str, Path]]:
    """A running server; gives its URL and the file of its log, complete after the block."""
    python, log = client_python("mcp"), tmp_path / "server.log"
    program = tmp_path / "server.py"
    program.write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [python, "-W", "ignore", "-u", str(program), *how],
            stdout=subprocess.PIPE, stderr=written, env=kept,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            port = process.stdout.readline().decode().strip()
            assert port, log.read_text()[-2000:]
            yield f"http://127.0.0.1:{port}/mcp", log
        finally:
            process.terminate()
            said = process.communicate(timeout=20)[0]
    with log.open("ab") as written:
        written.write(said)


@pytest.mark.parametrize(
    "how", [(), ("json_response",), ("stateless_http",), ("json_response", "stateless_http")]
)
def test_the_tools_of_the_sdk_are_listed(tmp_path: Path, how: tuple[str, ...]) -> None:
    """As event streams and as JSON, in sessions, which are ended, and without."""
    with served(tmp_path, *how) as (url, log):
        agents = agents_of(listed_tools(url, Config(offline=True)))
    assert [agent.name for agent in agents] == ["weather", "timer"]
    assert agents[0].description == "Forecasts rain, sun and temperature for a city."
    assert agents[0].input_schema["required"] == ["city"]
    said = log.read_text()
    assert said.count('"POST /mcp HTTP/1.1" 200') == 2, said
    assert said.count('"POST /mcp HTTP/1.1" 202') == 1, said
    assert said.count('"DELETE /mcp HTTP/1.1" 200') == ("stateless_http" not in how), said
    assert "Traceback" not in said


def test_a_wrong_path_of_the_sdk_is_a_typed_error(tmp_path: Path) -> None:
    """The message says what to check."""
    with (
        served(tmp_path) as (url, _),
        pytest.raises(InvalidAgent, match="HTTP 404; check the path of the URL"),
    ):
        listed_tools(url.replace("/mcp", "/other"), Config())


def test_tools_are_added_with_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command, which says what is missing without it."""
    monkeypatch.setenv("MCP_TOKEN", "open-sesame")
    with served(tmp_path, "key") as (url, _):
        code, _, said = run(capsys, "agents", "add", "--mcp", url)
        assert (code, "--api-key-env" in said) == (2, True)
        key = ("--api-key-env", "MCP_TOKEN")
        assert run(capsys, "agents", "add", "--mcp", url, *key)[1] == (
            "2 agents added: weather, timer\n"
        )
    assert run(capsys, "agents", "route", "will it rain in Ulm")[1] == "weather\n"
