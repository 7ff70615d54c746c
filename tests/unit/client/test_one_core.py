"""Both clients are one: what decides, builds, parses and falls back knows no event loop and no
socket, and stands once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import edge_router

ROOT = Path(edge_router.__file__).parent
CORE = ("chat", "backends", "routing", "layers", "learning", "client")
EVENT_LOOP = {"client/async_client.py", "client/async_answer.py"}
SOCKETS = "backends/http/"  # the transport, under both clients
OPENS = {"socket", "ssl", "select", "selectors", "http.client", "urllib.request"}


@cache
def imported() -> tuple[tuple[str, str], ...]:
    """Each file of the core, with each module that it imports, also inside a function; those of
    its own package begin with a dot."""
    return tuple(_imported())


def _imported() -> Iterator[tuple[str, str]]:
    for room in CORE:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    module = "." * node.level + (node.module or "")
                    names = [module, *(f"{module}.{one.name}" for one in node.names)]
                for name in names:
                    yield path.relative_to(ROOT).as_posix(), name


def test_only_two_files_know_an_event_loop() -> None:
    """All others serve both clients."""
    assert {file for file, name in imported() if name.split(".")[0] == "asyncio"} == EVENT_LOOP


def test_only_the_transport_opens_sockets() -> None:
    """What writes a request and what reads a reply are given bytes."""
    assert {f for f, name in imported() if name in OPENS and not f.startswith(SOCKETS)} == set()


def test_the_async_client_decides_nothing_itself() -> None:
    """It asks the sync client in a thread: no rule, no backend and no dispatch is called in it."""
    ours = {
        part
        for file, name in imported()
        if file in EVENT_LOOP and name.startswith(("edge_router", "."))
        for part in name.split(".")
    }
    assert ours.isdisjoint({"router", "policy", "dispatch", "budget", "opening", "resilience"})
    source = (ROOT / "client/async_client.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    (client,) = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    for method in client.body:
        if isinstance(method, ast.AsyncFunctionDef) and not method.name.startswith("__"):
            words = ast.unparse(method)
            assert "self.sync" in words or "self.complete" in words, method.name
