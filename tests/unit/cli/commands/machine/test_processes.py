"""edge-router ps and stop: what another program on a server's port may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from edge_router.device.own_servers import registered
from fault_server import FaultServer, Peer

NAMED = {"expert": "a", "model": "m", "loaded": True, "loading": False, "answering": False}


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("ps", {}),
        ("ps", []),
        ("ps", {"data": 5}),
        ("ps", {"data": [{}]}),
        ("ps", {"data": [{**NAMED, "bytes": "many", "unloads_in_s": None}]}),
        ("ps", {"data": [{**NAMED, "bytes": 5}]}),
        ("stop", {"unloaded": 5, "answering": []}),
        ("stop", {"unloaded": ["a"]}),
    ],
)
def test_what_is_no_reply_is_said(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    reply: Any,
) -> None:
    """In one line with the server's address."""

    def script(peer: Peer) -> None:
        peer.request()
        body = json.dumps(reply)
        peer.send(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}")

    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))
    with FaultServer(script) as server, registered(tmp_path, server.url, None):
        code, _, err = run(capsys, command)
    assert code == 1
    assert f"{server.url} answers with what is no reply" in err
