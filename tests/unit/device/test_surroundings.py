"""What a machine has: only loopback is asked, and no value of a variable is kept."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from edge_router.device.surroundings import (
    CLOUDS,
    Cloud,
    clouds_of,
    files_here,
    profile_of,
    servers_here,
)
from fault_server import FaultServer, Peer, answer, answer_json


def listing(*names: Any) -> Any:
    """A server that lists models."""

    def script(peer: Peer) -> None:
        assert peer.request().startswith("GET /v1/models HTTP/1.1")
        peer.send(answer_json({"object": "list", "data": [{"id": name} for name in names]}))

    return script


def test_servers_are_named_with_their_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that do not chat, and names that no model has, are left out."""
    reached: list[Any] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        reached.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    names = ["qwen2.5:3b", "nomic-embed-text", "a\x1b[2Jb", "x" * 300, 7, ""]
    with FaultServer(listing(*names)) as ollama, FaultServer(listing("m")) as studio:
        found = servers_here({"Ollama": ollama.port, "LM Studio": studio.port, "none": 9})
    assert [(one.place, one.model, one.profile) for one in found] == [
        (f"Ollama, port {ollama.port}", "qwen2.5:3b", "3b"),
        (f"LM Studio, port {studio.port}", "m", "8b"),
    ]
    assert found[0].base_url == ollama.url
    assert set(reached) == {"127.0.0.1"}


@pytest.mark.parametrize(
    "reply",
    [
        answer("no JSON"),
        answer_json([1]),
        answer_json({"data": 3}),
        answer_json({"data": [{"id": "m"}]}, status="404 Not Found"),
        answer("[" * 100_000),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n{",
        b"no HTTP\r\n\r\n",
        b"",
    ],
)
def test_whatever_else_listens_is_no_server(reply: bytes) -> None:
    """Another program may have the port."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(reply)

    with FaultServer(script) as server:
        assert servers_here({"Ollama": server.port}) == []


def test_a_silent_one_costs_no_more_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And all are asked at once; one that drips is silent too."""
    monkeypatch.setattr("edge_router.device.surroundings.PATIENCE_S", 0.1)

    def drips(peer: Peer) -> None:
        peer.drip("HTTP/1.1 200 OK\r\nX: " + "x" * 200, every_s=0.02)

    for script in (lambda peer: peer.pause(), drips):
        with FaultServer(script) as server:
            began = time.monotonic()
            assert servers_here({str(number): server.port for number in range(6)}) == []
            assert time.monotonic() - began < 0.4


def test_clouds_are_known_by_the_names_of_variables() -> None:
    """Never by their values; known ones come first."""
    environment = {
        "ZED_API_KEY": "sk-secret",
        "MISTRAL_API_KEY": "secret",
        "OPENAI_API_KEY": "secret",
        "EMPTY_API_KEY": " ",
        "EDGE_ROUTER_API_KEY": "x",
        "API_KEY": "x",
        "lower_API_KEY": "x",
        "HOME": "/",
    }
    found = clouds_of(environment)
    assert [cloud.key for cloud in found] == ["OPENAI_API_KEY", "MISTRAL_API_KEY", "ZED_API_KEY"]
    assert found[2] == Cloud("ZED_API_KEY")
    assert "secret" not in repr(found)
    assert all(cloud.base_url and cloud.base_url.startswith("https://") for cloud in CLOUDS)


def test_model_files_are_found_small_first(tmp_path: Path) -> None:
    """Sound GGUF for chat, not too deep; links in circles do no harm."""
    for name, size in (("b/big-7b.gguf", 90), ("a.gguf", 50), ("mmproj-x.gguf", 9), ("no.txt", 9)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"GGUF" + bytes(size))
    (tmp_path / "broken.gguf").write_bytes(b"PK")
    (tmp_path / "loop").symlink_to(tmp_path)
    deep = tmp_path.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    (deep / "deep.gguf").write_bytes(b"GGUF")
    found = files_here([tmp_path, tmp_path / "nowhere"])
    assert [Path(one.model).name for one in found] == ["a.gguf", "big-7b.gguf"]
    assert [one.profile for one in found] == ["135m", "8b"]
    assert found[0].base_url is None


@pytest.mark.parametrize(
    ("name", "size", "profile"),
    [
        ("SmolLM2-135M-Instruct", None, "135m"),
        ("gemma3:270m", None, "135m"),
        ("qwen2.5-0.5b", None, "1b"),
        ("llama3.2:1b", None, "1b"),
        ("Phi-3.8B-mini", None, "3b"),
        ("llama3.1:8b-instruct-q4_K_M", None, "8b"),
        ("qwen2.5:72b", None, "70b"),
        ("mistral", None, "8b"),
        ("mistral", 4_400_000_000, "8b"),
        ("phi", 700_000_000, "1b"),
        ("a4b9", None, "8b"),
    ],
)
def test_a_profile_is_guessed(name: str, size: int | None, profile: str) -> None:
    """By the size in the name, else by that of the file."""
    assert profile_of(name, size) == profile
