"""The doctor: refuses what answering would refuse, shows no secret, survives what is broken."""

from __future__ import annotations

import importlib.metadata
import socket
import sys
from typing import Any

import pytest

from edge_router.cli.commands.machine import doctor, parts
from edge_router.errors import ArtifactNotFound
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig
from fault_server import FaultServer, Peer, answer_json


def _of(name: str, config: Config, **how: bool) -> doctor.Check:
    (result,) = (check for check in doctor.examine(config, **how) if check.name == name)
    return result


def _server(base_url: str, **settings: str) -> Config:
    return Config(experts={"c": ExpertConfig("openai", "m", "8b", base_url=base_url, **settings)})


@pytest.mark.parametrize(
    ("base_url", "key", "message"),
    [
        ("https://ann:SECRET@h.example/v1", None, "must not hold a user, a password"),
        ("https://h.example/v1?key=SECRET", None, "must not hold a user, a password, a query"),
        ("http://h.example/v1", "SOME_KEY", "would travel unencrypted to h.example"),
        ("https://h.example/v1", "gsk_SECRET12345", "holds no key"),
        ("https://h.example/v1", "NO_SUCH_KEY", "variable NO_SUCH_KEY holds no key"),
    ],
)
def test_what_a_call_refuses_the_doctor_refuses(
    base_url: str, key: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows no secret; people paste its output into reports."""
    monkeypatch.setenv("SOME_KEY", "abc")
    config = _server(base_url) if key is None else _server(base_url, api_key_env=key)
    result = _of("expert c", config)
    assert (result.ok, message in result.detail) == (False, True), result.detail
    assert "SECRET" not in result.detail


@pytest.mark.parametrize(
    ("name", "value", "settings", "message"),
    [
        ("K", "ab cd", {"api_key_env": "K"}, "a character that no key has"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1", {}, "only http:// is supported"),
        ("SSL_CERT_FILE", "/nowhere.pem", {}, "$SSL_CERT_FILE names"),
        ("K", "", {"base_url": "https://a..b/v1"}, "a host that cannot be"),
        ("K", "", {"base_url": "https://exa mple/v1"}, "a host that cannot be"),
        ("K", "", {"base_url": f"https://{'a' * 64}.com/v1"}, "a host that cannot be"),
        ("K", "", {"base_url": "https://xn--zz--/v1"}, "base_url is not a URL"),
    ],
)
def test_the_environment_and_the_host_are_looked_at_as_a_call_would(
    name: str, value: str, settings: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection."""
    monkeypatch.setenv(name, value)
    result = _of("expert c", _server(**({"base_url": "https://h.example/v1"} | settings)))
    assert (result.ok, message in result.detail) == (False, True), result.detail


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"deadline_s": 0}, "no time"),
        ({"max_latency_s": 0}, "longer than allowed"),
        ({"placement": "only_in_cloud"}, "only the cloud may answer"),
        ({"deferral": "before"}, "deferral gate"),
    ],
)
def test_settings_that_no_answer_can_keep_are_reported(
    settings: dict[str, Any], message: str
) -> None:
    """The doctor routes a sample under the configured limits."""
    result = _of("router", Config(**settings))
    assert (result.ok, message in result.detail) == (False, True), result.detail


def test_a_context_without_room_for_a_prompt_is_reported() -> None:
    """The bundled model's template alone takes more."""
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=8)
    assert "no room for a prompt" in _of("expert local", Config(experts={"local": local})).detail


def test_a_closed_port_is_reported() -> None:
    """A connection is all that a server sees of the doctor."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    result = _of("expert c", _server(f"http://127.0.0.1:{port}/v1"))
    assert (result.ok, "is not reachable" in result.detail) == (False, True)
    asked: list[str] = []

    def listen(peer: Peer) -> None:
        asked.append(peer.request())

    with FaultServer(listen) as server:
        result = _of("expert c", _server(server.url))
    assert (result.ok, result.detail) == (True, f"{server.url}, on this device, reachable")
    assert not any(asked)


def test_a_server_elsewhere_is_left_alone() -> None:
    """The doctor asks no expert; the guard of these tests would refuse the connection."""
    config = _server("https://llm.example.com/v1")
    assert _of("expert c", config).detail == "https://llm.example.com/v1, in the cloud"
    result = _of("expert c", _server("https://llm.invalid/v1"), connect=True)
    assert (result.ok, "is not reachable" in result.detail) == (False, True)


@pytest.mark.parametrize(
    ("base_url", "location", "words"),
    [
        (
            "http://192.168.1.7:9/v1",
            None,
            "in the cloud (assumed; if this is a machine of your own",
        ),
        ("http://box.local/v1", None, 'state location = "lan")'),
        ("http://192.168.1.7:9/v1", "lan", "on your own network (as stated)"),
        ("http://8.8.8.8/v1", "lan", "as stated, though its address does not look private"),
        ("http://192.168.1.7:9/v1", "device", "on this device (as stated)"),
        ("http://llm.example.com/v1", "cloud", "in the cloud (as stated)"),
    ],
)
def test_it_says_what_was_assumed_of_a_place(
    base_url: str, location: str | None, words: str
) -> None:
    """A private address is no proof of a machine of one's own; what is stated holds."""
    config = _server(base_url) if location is None else _server(base_url, location=location)
    assert words in _of("expert c", config).detail


def test_it_says_who_may_be_asked_where_only_own_machines_may() -> None:
    """The lan by its name, or nobody."""
    lan = ExpertConfig("openai", "m", "8b", base_url="http://10.0.0.2/v1", location="lan")
    far = ExpertConfig("openai", "m", "8b", base_url="https://llm.example.com/v1")
    own: Any = {"placement": "only_on_lan"}
    both = Config(experts={"lan": lan, "far": far}, **own)
    assert _of("network", both).detail == "queries may go to lan (only_on_lan)"
    assert _of("network", Config(experts={"far": far}, **own)).detail.startswith("no query may")


def test_it_asks_nobody_whom_the_settings_rule_out() -> None:
    """Neither of these experts is connected to."""
    far = ExpertConfig("openai", "m", "8b", base_url="https://llm.invalid/v1")
    kept: Any
    for kept, place in (("only_on_device", "device"), ("only_on_lan", "network")):
        (check,) = doctor.asked(Config(experts={"far": far}, placement=kept))
        assert (check.ok, check.detail) == (True, f"not asked: nothing may leave this {place}")


def test_a_level_that_thinks_longer_than_the_doctor_waits_is_sound() -> None:
    """Its server keeps the thoughts; an expert that does not think gave no answer."""
    choice = {"index": 0, "message": {"content": ""}, "finish_reason": "length"}

    def thinks(peer: Peer) -> None:
        peer.request()
        peer.send(answer_json({"id": "1", "model": "m", "choices": [choice]}))

    with FaultServer(thinks) as server:
        (full,) = doctor.asked(_server(server.url, reasoning_effort="high"))
        (other,) = doctor.asked(_server(server.url))
    assert (full.ok, full.detail.split(",")[0]) == (True, "thinks for more than 64 tokens")
    assert not other.ok


def test_an_application_that_was_frozen_has_versions_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its packages' metadata is not there."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(parts, "version", missing)
    result = _of("runtime", Config())
    assert result.ok
    assert "onnxruntime 1." in result.detail


@pytest.mark.parametrize(
    ("name", "instead"),
    [("onnxruntime", "the encoder runs in numpy"), ("tokenizers", "texts are split in Python")],
)
def test_an_installation_without_a_wheel_is_sound(
    name: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what runs in its place."""
    monkeypatch.setitem(sys.modules, name, None)
    result = _of("runtime", Config())
    assert result.ok
    assert f"no {name} here: {instead}" in result.detail


def test_an_application_frozen_without_data_gets_the_missing_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error of ours with PyInstaller's options."""
    monkeypatch.setitem(sys.modules, "edge_router.models", None)
    with pytest.raises(ArtifactNotFound, match="--collect-data edge_router --hidden-import"):
        RouterArtifact.load("router-small")
    assert "--collect-data" in _of("router", Config()).detail
