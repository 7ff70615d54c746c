"""Every command in every environment: no traceback, an exit code, a line that names the fault."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .hostile_environments import COMMANDS, environments, run, write_inputs

PROCESSES = 2
ANSWER = "Sure \U0001f44d na\u00efve \u4f60\u597d."


class Cloud(BaseHTTPRequestHandler):
    """A server that streams the same answer to every request."""

    def do_POST(self) -> None:
        """The whole conversation with a client."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        choice = {"index": 0, "delta": {"content": ANSWER}, "finish_reason": "stop"}
        self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """What the commands read, and a server that answers them."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Cloud) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        write_inputs(tmp_path, f"http://127.0.0.1:{server.server_port}/v1")
        yield tmp_path
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_every_command_lives_in_every_environment(folder: Path) -> None:
    """About 400 processes; failures are listed in a table."""
    made = environments(folder)
    assert len(made) >= 20
    tasks = [
        (one, command, folder / f"work-{number}-{command}")
        for number, one in enumerate(made)
        for command in COMMANDS
    ]
    for _, _, work in tasks:
        work.mkdir()
    with ThreadPoolExecutor(PROCESSES) as pool:
        ended = list(pool.map(lambda task: run(task[0], task[1], folder, task[2]), tasks))
    faults = [one.row for one in ended if one.fault is not None]
    assert not faults, f"{len(faults)} of {len(ended)} failed\n" + "\n".join(faults)
