"""What every test may rely on: no network but loopback, no keys, no settings of the user's own."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from edge_router.routing.artifact.manifest import RouterArtifact

# Without a deadline: a shared machine stalls at times. CI tries every law on more examples, too.
settings.register_profile("edge_router", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=150)
settings.load_profile("edge_router")

LOOPBACK = ("127.", "::1", "localhost")


TESTS = itertools.count()


@pytest.fixture(scope="session")
def _empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def _no_keys_and_no_settings(monkeypatch: pytest.MonkeyPatch, _empty_folder: Path) -> None:
    """Clear API keys and EDGE_ROUTER_* variables; point settings and data at folders of this test
    alone, which do not exist yet: making one for each test would take a second in all."""
    for name in list(os.environ):
        if name.startswith("EDGE_ROUTER_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    home = _empty_folder / str(next(TESTS))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "no-settings"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "nothing-learned"))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse any connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to connect to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def artifact() -> RouterArtifact:
    """The shipped router, the real one."""
    return RouterArtifact.load("router-small")
