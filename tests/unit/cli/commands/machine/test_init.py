"""edge-router init: a file that answers, written once, without a key in it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from edge_router.device import surroundings
from edge_router.settings.config import Config
from fault_server import STREAM_HEAD, FaultServer, Peer, answer_json, piece

SECRET = "sk-THESECRETOFTHISTEST0123456789"
KEYS = ("OPENAI_API_KEY", "GROQ_API_KEY", "ZED_API_KEY")


def stand_in(peer: Peer) -> None:
    """A server with one model, which says hello."""
    request = peer.request()
    assert SECRET not in request
    if request.startswith("GET /v1/models "):
        peer.send(answer_json({"data": [{"id": "qwen2.5:3b"}]}))
    elif request:
        peer.send(STREAM_HEAD + piece("Hello.") + piece(finish="stop") + "data: [DONE]\n\n")


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were connected to or looked up."""
    hosts: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def noted(self: socket.socket, address: Any) -> None:
        hosts.append(str(address[0]))
        connect(self, address)

    def noted_look_up(host: Any, *rest: Any, **more: Any) -> Any:
        hosts.append(str(host))
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", noted)
    monkeypatch.setattr(socket, "getaddrinfo", noted_look_up)
    return hosts


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, int]]:
    """Four servers and three keys; an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in KEYS:
        monkeypatch.setenv(name, SECRET)
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(FaultServer(stand_in)).port for name in surroundings.SERVERS
        }
        monkeypatch.setattr(surroundings.servers_here, "__defaults__", (servers,))
        yield servers


def test_the_file_answers_and_holds_no_key(
    machine: dict[str, int], reached: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing but loopback is contacted, neither by init nor by the doctor nor by the answer."""
    file = tmp_path / "new" / "config.toml"
    code, out, err = run(capsys, "init", "--yes", "--config", str(file))
    assert (code, f"wrote {file}" in err) == (0, True), out
    assert "reachable" in out
    text = file.read_text()
    assert SECRET not in text + out + err
    assert all(name in text for name in KEYS)
    config = Config.load(file)
    assert config.experts["local"].base_url == f"http://127.0.0.1:{machine['Ollama']}/v1"
    assert (config.experts["local"].profile, config.nothing_leaves) == ("3b", True)
    code, out, err = run(capsys, "ask", "Hi", "--config", str(file))
    assert (code, out) == (0, "Hello.\n"), err
    code, out, err = run(capsys, "doctor", "--ask", "--config", str(file))
    assert (code, "answer of local: 'Hello.' after" in out) == (0, True), out
    assert "answer of cloud: not asked: nothing may leave this device" in out
    assert set(reached) <= {"127.0.0.1"}


def test_a_file_that_is_there_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a link to nowhere; --force replaces it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(surroundings.servers_here, "__defaults__", ({},))
    file = tmp_path / "config.toml"
    file.write_text("mine")
    code, _, err = run(capsys, "init", "--yes", "--config", str(file))
    assert (code, "is there already; --force replaces it" in err) == (2, True)
    assert file.read_text() == "mine"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert run(capsys, "init", "--yes", "--config", str(tmp_path / "link"))[0] == 2
    run(capsys, "init", "--yes", "--force", "--config", str(file))
    assert Config.load(file).experts["local"].model == "smollm2-135m"


def test_a_damaged_model_file_is_no_first_answer(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that broke off is passed over, and said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(surroundings.servers_here, "__defaults__", ({},))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.gguf").write_bytes(b"GGUF\3\0\0\0")
    file = tmp_path / "config.toml"
    code, _, err = run(capsys, "init", "--yes", "--config", str(file))
    assert (code, "passed over: model file" in err) == (0, True), err
    assert Config.load(file).experts["local"].model == "smollm2-135m"


@pytest.mark.skipif(os.name != "posix", reason="HOME is no matter there")
def test_without_a_home_it_asks_for_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no place where the next command would look."""
    monkeypatch.setenv("HOME", "")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    code, _, err = run(capsys, "init", "--yes")
    assert (code, "no home folder for the settings; set HOME or give --config FILE" in err) == (
        2,
        True,
    )


def test_without_a_terminal_it_asks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """And writes nothing."""
    code, _, err = run(capsys, "init", "--config", "/nowhere/config.toml")
    assert (code, "give --yes" in err) == (1, True)


def test_three_questions_are_answered(
    machine: dict[str, int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong number is asked for again; what is allowed may leave."""
    typed = iter(["9", "x", "2", "2", "yes"])
    monkeypatch.setattr("builtins.input", lambda _="": next(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    file = tmp_path / "config.toml"
    code, out, _ = run(capsys, "init", "--config", str(file))
    assert code == 0, out
    assert "May" not in out
    config = Config.load(file)
    assert config.experts["local"].base_url == f"http://127.0.0.1:{machine['LM Studio']}/v1"
    assert config.experts["cloud"].api_key_env == "GROQ_API_KEY"
    assert not config.nothing_leaves


def test_config_says_where_and_what(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every setting in force, and no secret."""
    file = tmp_path / "config.toml"
    file.write_text(
        '[experts.a]\nbackend = "ollama"\nmodel = "m"\nprofile = "3b"\n'
        f'extra_body = {{ token = "{SECRET}" }}\n'
    )
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(file))
    assert run(capsys, "config", "path")[1] == f"{file}\n"
    code, out, _ = run(capsys, "config", "show", "--offline")
    assert (code, SECRET in out) == (0, False)
    for line in ("offline = true", "[experts.a]", 'base_url = "http://127.0.0.1:11434/v1"'):
        assert line in out
    code, out, _ = run(capsys, "config", "show", "--json")
    assert SECRET not in out
    shown = json.loads(out)
    assert (shown["deadline_s"], shown["experts"]["a"]["backend"]) == (120.0, "openai")
    assert shown["placement"] == "prefer_on_device"
    monkeypatch.delenv("EDGE_ROUTER_CONFIG")
    path = json.loads(run(capsys, "config", "path", "--json")[1])
    assert path == {"path": path["path"], "exists": False}
    assert path["path"].startswith(os.environ["XDG_CONFIG_HOME"])
