"""A server of ours on loopback, in a thread: two fake experts behind it, or whatever a test has."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from edge_router import Config, EdgeRouter
from edge_router.backends.base import Backend
from edge_router.cli.commands.machine.serve import serve_router
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

if TYPE_CHECKING:
    from edge_router.server.service import RouteAgent

CLIENT_ENVS = os.environ.get("EDGE_ROUTER_CLIENT_ENVS")  # read before the tests' own clearing
CLIENT_S = 300.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: the URL for clients, and a client of its own without a proxy."""

    url: str
    http: httpx.Client
    stop: threading.Event

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post a JSON value; `Host="x"` and so on become headers."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"{self.url}/{path}", json=body, headers=names)

    def chat(self, content: str = "Why?", **fields: Any) -> httpx.Response:
        """Ask for a chat completion."""
        body = {"model": "auto", "messages": [{"role": "user", "content": content}]}
        return self.post("chat/completions", body | fields)

    def events(self, path: str, body: Any) -> list[Any]:
        """The events of a streamed reply, without the last word."""
        reply = self.post(path, {**body, "stream": True})
        assert reply.status_code == 200, reply.text
        lines = [line[6:] for line in reply.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]


@contextlib.contextmanager
def serving(
    router: EdgeRouter, *, agents: RouteAgent | None = None, **options: Any
) -> Iterator[Served]:
    """Serve `router`, which is closed at the end; `options` are those of ServerOptions."""
    for part in ("starlette", "uvicorn"):
        pytest.importorskip(part, reason="the extra `serve` is not installed")
    from edge_router.server.run import ServerOptions

    said: queue.Queue[str | BaseException] = queue.Queue()
    stop = threading.Event()
    stated = ServerOptions(**{"port": 0} | options)

    def run() -> None:
        try:
            serve_router(
                router, stated, started=lambda url, _: said.put(url), stop=stop, agents=agents
            )
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            said.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        url = said.get(timeout=60)
        if isinstance(url, BaseException):
            raise url
        with httpx.Client(trust_env=False, timeout=60.0) as client:
            yield Served(url, client, stop)
    finally:
        stop.set()
        thread.join(30)
        router.close()
    assert not thread.is_alive(), "the server did not end"


def fakes(
    local: Backend | None = None, cloud: Backend | None = None, **settings: Any
) -> EdgeRouter:
    """A router with two fake experts, which wants the cloud where nothing else is set."""
    backends = {
        "local": FakeBackend("from here") if local is None else local,
        "cloud": FakeBackend("from the cloud") if cloud is None else cloud,
    }
    stated = {"min_gain": -1.0, "deadline_s": 20.0, "needs_tools": "as_usual"} | settings
    return EdgeRouter(Config(experts={"local": LOCAL, "cloud": CLOUD}, **stated), backends=backends)


def client_python(name: str) -> str:
    """The interpreter that has the client: that of the tests, or one of the environments under
    $EDGE_ROUTER_CLIENT_ENVS. Skips where there is none."""
    if CLIENT_ENVS is not None and (own := Path(CLIENT_ENVS) / name / "bin/python").exists():
        return str(own)
    if find_spec(name) is None:
        pytest.skip(f"{name} is neither installed nor under $EDGE_ROUTER_CLIENT_ENVS/{name}")
    return sys.executable


def run_client(name: str, program: Path, *arguments: str, **variables: str) -> str:
    """What a program prints that uses the client called `name`; it must succeed."""
    done = subprocess.run(
        [client_python(name), "-W", "ignore", str(program), *arguments],
        env=_environment(variables), capture_output=True, text=True, timeout=CLIENT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return kept | {"NO_PROXY": "*"} | variables
