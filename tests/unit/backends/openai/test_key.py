"""OpenAIBackend reads the API key from its variable at each call and never shows it."""

from __future__ import annotations

import contextlib
import logging
import traceback

import pytest

from asking import REPLY, Verb, asking, both_verbs, complete, failure_of, saying, silent
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.errors import BackendError, BackendRejected, ConfigError
from fault_server import STREAM_HEAD, FaultServer, Peer, Script, answer, answer_json, event, piece

KEY = "sk-Very.Secret+Key/42="


def _echo(status: str) -> Script:
    """A server that echoes the whole request."""

    def script(peer: Peer) -> None:
        peer.send(answer_json({"error": {"message": peer.request()[-900:]}}, status=status))

    return script


@both_verbs
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(saying(answer(f"no key {KEY}!", status="401 No")), id="text"),
        pytest.param(saying(answer("x" * 190 + KEY, status="500 No")), id="cut through the key"),
        pytest.param(
            saying(answer("", status="302 No", location=f"http://h/?k={KEY}")), id="redirect"
        ),
        pytest.param(saying(f"HTTP/1.1 {KEY}\r\n\r\n"), id="status line"),
        pytest.param(saying(answer("", x=KEY + "\x00")), id="header"),
        pytest.param(saying(STREAM_HEAD + event({"error": {"message": KEY}})), id="stream"),
        pytest.param(saying(STREAM_HEAD + piece("a") + event({"error": KEY})), id="late"),
        pytest.param(saying(STREAM_HEAD + event(KEY)), id="not JSON"),
    ],
)
def test_an_echoed_key_never_shows(
    verb: Verb, script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No message, traceback, repr or log holds the key, not even its first characters."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TINY_KEY", KEY)
    with asking(script, api_key_env="TINY_KEY") as backend:
        with pytest.raises(BackendError) as caught:
            verb(backend, Deadline.after(10))
        shown = [*traceback.format_exception(caught.value), repr(backend), str(vars(backend))]
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("edge_router")]
    assert "sk-Very" not in "".join([*shown, *ours])


@both_verbs
@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_key_is_rejected_by_name(
    verb: Verb, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent without the key that the settings promise."""
    monkeypatch.delenv("TINY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TINY_KEY", value)
    with FaultServer(silent) as server:
        backend = OpenAIBackend("tiny", base_url=server.url, api_key_env="TINY_KEY")
        with pytest.raises(BackendRejected, match="TINY_KEY"):
            verb(backend, Deadline.after(10))
        backend.close()
        assert server.connections == 0


@pytest.mark.parametrize("pasted", ["gsk_ABCDEF", "aiza0verysecret", "A" * 41, "KEYxVery0Secret"])
def test_a_key_in_place_of_its_variable_is_never_shown(
    pasted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key can look like a name; only the environment shows that it is none."""
    monkeypatch.delenv(pasted, raising=False)
    said = "the variable named by api_key_env is not set"
    with (
        contextlib.closing(
            OpenAIBackend("tiny", base_url="https://h/v1", api_key_env=pasted)
        ) as backend,
        pytest.raises(BackendRejected, match=said) as refused,
    ):
        complete(backend, Deadline.after(10))
    with pytest.raises(ConfigError) as exposed:
        OpenAIBackend("tiny", base_url="http://h/v1", api_key_env=pasted)
    assert pasted not in f"{refused.value} {exposed.value} {backend!r}"


@pytest.mark.parametrize("name", ["TINY_KEY_2", "tiny_key", "A" * 40])
def test_a_variable_that_is_not_set_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is plainly a name helps to find the mistake."""
    monkeypatch.delenv(name, raising=False)
    error = failure_of(complete, saying(), api_key_env=name)
    assert f"${name} is not set" in str(error)


@pytest.mark.parametrize("value", ["sk-Very\nSecret", "sk-Very Secret", "sk-V\u00e9ry"])
def test_a_damaged_key_is_rejected_without_showing_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break inside the key would otherwise come back in the HTTP library's error."""
    monkeypatch.setenv("TINY_KEY", value)
    error = failure_of(complete, saying(), api_key_env="TINY_KEY")
    assert isinstance(error, BackendRejected)
    assert "$TINY_KEY" in str(error)
    assert "sk-" not in str(error)


def test_the_key_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is changed while the program runs is used from then on."""
    seen: list[str] = []

    def script(peer: Peer) -> None:
        while text := peer.request():
            seen.append(text)
            peer.send(answer_json(REPLY))

    with asking(script, api_key_env="TINY_KEY") as backend:
        for key in ("one", "two"):
            monkeypatch.setenv("TINY_KEY", key)
            complete(backend, Deadline.after(10))
    assert "Bearer one\r\n" in seen[0]
    assert "Bearer two\r\n" in seen[1]
