"""OpenAIBackend's errors: which fault of a server raises which class, with which message."""

from __future__ import annotations

import contextlib
import time
from email.utils import formatdate
from typing import Any

import pytest

from asking import (
    DONE,
    REPLY,
    Verb,
    answer_to,
    both_verbs,
    complete,
    drips_an_error,
    failure_of,
    saying,
    silent,
    stream,
    streaming,
)
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
)
from fault_server import FaultServer, Peer, Script, answer, answer_json, event, piece

KEY = "sk-Very.Secret+Key/42="


ENDED_BY_S = 2.0  # every script below would go on for longer


@both_verbs
def test_nobody_listening_is_unavailable(verb: Verb) -> None:
    """The message names the model and the address."""
    with FaultServer(silent) as server:
        url = server.url
    with (
        contextlib.closing(OpenAIBackend("tiny", base_url=url)) as backend,
        pytest.raises(BackendUnavailable, match=rf"tiny at {url}: .*refused"),
    ):
        verb(backend, Deadline.after(10))


@both_verbs
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(saying(), id="hangs up"),
        pytest.param(saying("HTTP/1.1 200 OK\r\nContent-Le"), id="half a header"),
        pytest.param(saying("SSH-2.0-OpenSSH_9.6\r\n"), id="not HTTP"),
        pytest.param(saying("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), id="no body"),
    ],
)
def test_breaking_off_before_any_text_is_unavailable(verb: Verb, script: Script) -> None:
    """Nothing has been shown, so another expert may be asked."""
    assert isinstance(failure_of(verb, script), BackendUnavailable)


@pytest.mark.parametrize(
    "events", [[], [piece("")], [piece("")[:20]], [": ping\n\n"], [event({"choices": []})]]
)
def test_a_stream_that_ends_before_any_text_is_unavailable(events: list[str]) -> None:
    """A clean end without text, finish reason or [DONE] is no answer."""
    assert isinstance(failure_of(stream, streaming(*events)), BackendUnavailable)


@pytest.mark.parametrize("after", ["", piece("b")[:20], ": ping\n\n"])
def test_a_stream_that_ends_after_some_text_is_a_protocol_error(after: str) -> None:
    """What was shown cannot be taken back."""
    error = failure_of(stream, streaming(piece("a"), after))
    assert isinstance(error, BackendProtocolError)
    assert "broke off" in str(error)


@both_verbs
@pytest.mark.parametrize(
    "status", ["408 Timeout", "429 Slow down", "500 Oops", "503 Busy", "529 X"]
)
def test_passing_troubles_are_unavailable(verb: Verb, status: str) -> None:
    """Another expert may be asked, and the error has the server's reason."""
    reply = answer_json({"error": {"message": "too many cooks"}}, status=status)
    error = failure_of(verb, saying(reply))
    assert isinstance(error, BackendUnavailable)
    assert status[:3] in str(error)
    assert "too many cooks" in str(error)
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("told", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        pytest.param(formatdate(time.time() + 7200, usegmt=True), 3600, 7200, id="in two hours"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0, 0),
    ],
)
@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
def test_retry_after_is_in_seconds(status: str, told: str, low: float, high: float) -> None:
    """Both forms of the header, seconds and date, become seconds from now."""
    error = failure_of(complete, saying(answer("", status=status, retry_after=told)))
    assert error.retry_after_s is not None
    assert low <= error.retry_after_s <= high


@pytest.mark.parametrize("told", ["soon", "-1", "nan", "inf", "Wed, 99 Foo 2015"])
def test_a_senseless_retry_after_is_ignored(told: str) -> None:
    """Rubbish in the header is no reason to fail in another way."""
    error = failure_of(complete, saying(answer("", status="429 No", retry_after=told)))
    assert isinstance(error, BackendUnavailable)
    assert error.retry_after_s is None


@both_verbs
@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("400 Bad Request", "refused"),
        ("401 Unauthorized", "check the key in \\$TINY_KEY"),
        ("403 Forbidden", "check the key in \\$TINY_KEY"),
        ("404 Not Found", "check base_url and the model"),
        ("422 Unprocessable", "refused"),
    ],
)
def test_a_refusal_is_rejected_with_its_fix(
    verb: Verb, status: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other expert may be asked, and the error has the fix."""
    monkeypatch.setenv("TINY_KEY", KEY)
    script = saying(answer_json({"error": {"message": "not like that"}}, status=status))
    with pytest.raises(BackendRejected, match=f"{fix}.*not like that"):
        answer_to(verb, script, api_key_env="TINY_KEY")


def test_a_refusal_without_any_key_says_how_to_give_one() -> None:
    """A 401 for a backend without a key names the setting."""
    error = failure_of(complete, saying(answer("", status="401 Unauthorized")))
    assert "api_key_env" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "why"}',
        '{"message": "why"}',
        '{"detail": "why"}',
        "why",
        '{"error":{"message":"why"}}',
    ],
)
def test_the_servers_reason_is_found(body: str) -> None:
    """In OpenAI's error object, in its variants and in plain text."""
    assert str(failure_of(complete, saying(answer(body, status="400 No")))).endswith("(why)")


def test_the_servers_reason_is_cut_and_cleaned() -> None:
    """A page of text becomes 200 characters on one line."""
    body = "\x1b[31mred\n" + "x" * 100_000
    told = str(failure_of(complete, saying(answer(body, status="400 No"))))
    assert told.isprintable()
    assert told.count("x") < 200
    assert "[31mred x" in told


def test_what_the_http_library_quotes_is_cut() -> None:
    """A status line of many kilobytes does not become a message of many kilobytes."""
    told = str(failure_of(complete, saying("x" * 5000 + "\r\n\r\n")))
    assert "xxx" in told
    assert told.count("x") < 200


def test_an_endless_error_page_is_not_read_to_its_end() -> None:
    """64 KiB of an explanation are enough."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send("HTTP/1.1 400 No\r\n\r\n")
        while True:
            peer.send(b"x" * 65536)
            peer.pause(0.001)

    start = time.monotonic()
    assert isinstance(failure_of(complete, script), BackendRejected)
    assert time.monotonic() - start < 1.5  # less than the 2 s that an error body may take


def test_an_explanation_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status decides at once, however far the deadline is."""
    monkeypatch.setattr("edge_router.backends.openai.backend._ERROR_BODY_S", 0.1)
    start = time.monotonic()
    assert "HTTP 500 (xx" in str(failure_of(complete, drips_an_error))
    assert time.monotonic() - start < ENDED_BY_S


@both_verbs
def test_a_redirect_is_not_followed(verb: Verb) -> None:
    """The question goes only where the user sent it."""
    with FaultServer(saying(answer_json(REPLY))) as other:
        script = saying(answer("", status="301 Moved", location=other.url))
        error = failure_of(verb, script)
        assert other.connections == 0
    assert isinstance(error, BackendRejected)
    assert "check base_url" in str(error)
    assert other.url.removesuffix("/v1") in str(error)


@both_verbs
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer("<html>Welcome</html>", content_type="text/html"), id="a web page"),
        pytest.param(answer('data: {"choices": [\n\n'), id="half of JSON"),
        pytest.param(answer("data: [1]\n\n"), id="a list"),
        pytest.param(answer("data: {}\n\n"), id="no choices"),
        pytest.param(answer('data: {"choices": {}}\n\n'), id="choices are an object"),
        pytest.param(answer('data: {"choices": [7]}\n\n'), id="a choice is a number"),
        pytest.param(answer("data: " + "[" * 100_000 + "\n\n"), id="deep nesting"),
    ],
)
def test_a_senseless_reply_is_a_protocol_error(verb: Verb, reply: bytes) -> None:
    """The server does not speak the protocol."""
    if verb is complete:
        head, _, body = reply.partition(b"\r\n\r\n")
        reply = answer(body.removeprefix(b"data: ").strip(), content_type="text/plain")
        reply = reply if b"text/html" not in head else head + b"\r\n\r\n" + body
    assert isinstance(failure_of(verb, saying(reply)), BackendProtocolError)


def test_content_that_is_not_text_is_a_protocol_error() -> None:
    """A number is no text, nor is a text part without its text."""
    chunk = {"choices": [{"delta": {"content": [{"type": "text"}]}}]}
    assert isinstance(failure_of(stream, streaming(event(chunk))), BackendProtocolError)
    reply = {"choices": [{"message": {"content": 7}}]}
    assert isinstance(failure_of(complete, saying(answer_json(reply))), BackendProtocolError)


def test_a_stream_for_json_that_says_nothing_is_a_protocol_error() -> None:
    """An event stream without any message is no whole answer."""
    assert isinstance(failure_of(complete, streaming(DONE)), BackendProtocolError)


def test_an_endless_line_is_a_protocol_error() -> None:
    """A line over 1 MiB cannot fill the memory."""
    script = streaming("data: " + "x" * (3 << 20))
    assert isinstance(failure_of(stream, script), BackendProtocolError)


def test_an_endless_reply_is_a_protocol_error() -> None:
    """Nor can a reply that does not end."""
    script = saying("HTTP/1.1 200 OK\r\n\r\n", *[b" " * (1 << 20)] * 18)
    assert isinstance(failure_of(complete, script), BackendProtocolError)


_PASSING = [
    {"message": "m", "type": "rate_limit_error"},
    {"message": "m", "code": "rate_limit_exceeded"},
    {"message": "m", "type": "overloaded_error"},
    {"message": "m", "type": "server_error", "code": None},
    {"message": "m", "code": 503},
    {"message": "m", "code": "429"},
]
_LASTING: list[Any] = [
    {"message": "m", "type": "invalid_request_error"},
    {"message": "m", "code": 400},
    {"message": "m", "code": "5" * 5000},
    {"message": "m"},
    "m",
]


@both_verbs
@pytest.mark.parametrize(
    ("error", "kind"),
    [(error, BackendUnavailable) for error in _PASSING]
    + [(error, BackendRejected) for error in _LASTING],
)
def test_an_error_object_in_a_good_reply(verb: Verb, error: Any, kind: type[BackendError]) -> None:
    """Before any text, its type or code says whether another expert may be asked."""
    reply = {"error": error}
    whole, streamed = saying(answer_json(reply)), streaming(event(reply))
    failure = failure_of(verb, whole if verb is complete else streamed)
    assert type(failure) is kind
    assert str(failure).endswith("(m)")


def test_an_error_object_after_text_is_a_protocol_error() -> None:
    """After text no other expert may be asked, whatever the error says."""
    for error in (_PASSING[0], _LASTING[0]):
        script = streaming(piece("a"), event({"error": error}))
        assert isinstance(failure_of(stream, script), BackendProtocolError)
