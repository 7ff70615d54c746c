"""OpenAIBackend against real sockets: what it sends, what it takes, and how every fault ends."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.backends.openai.reply import Answer
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, Usage
from edge_router.chat.conversation import Message
from edge_router.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
    ConfigError,
)
from fault_server import STREAM_HEAD, FaultServer, Peer, Script, answer, answer_json, event, piece

KEY = "sk-Very.Secret+Key/42="
ASK = ChatRequest.of("What is a router?")
REPLY = {
    "id": "chatcmpl-7",
    "model": "tiny-2",
    "choices": [{"index": 0, "message": {"content": "A decision."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3},
}
DONE = event("[DONE]")

Verb = Callable[[OpenAIBackend, Deadline], Any]


def _complete(backend: OpenAIBackend, deadline: Deadline) -> ChatCompletion:
    return backend.complete(ASK, deadline=deadline)


def _stream(backend: OpenAIBackend, deadline: Deadline) -> list[ChatChunk]:
    return list(backend.stream(ASK, deadline=deadline))


both_verbs = pytest.mark.parametrize("verb", [_complete, _stream])


@contextlib.contextmanager
def _asking(script: Script, **options: Any) -> Iterator[OpenAIBackend]:
    with (
        FaultServer(script) as server,
        contextlib.closing(OpenAIBackend("tiny", base_url=server.url, **options)) as backend,
    ):
        yield backend


def _saying(*parts: bytes | str) -> Script:
    """A server that reads the request, says `parts` and hangs up."""

    def script(peer: Peer) -> None:
        peer.request()
        for part in parts:
            peer.send(part)

    return script


def _streaming(*events: str) -> Script:
    return _saying(STREAM_HEAD, *events)


def _answer_to(verb: Verb, script: Script, **options: Any) -> Any:
    with _asking(script, **options) as backend:
        return verb(backend, Deadline.after(10))


def _failure_of(verb: Verb, script: Script, **options: Any) -> BackendError:
    with pytest.raises(BackendError) as caught:
        _answer_to(verb, script, **options)
    return caught.value


def _texts(chunks: list[ChatChunk]) -> list[str]:
    return [chunk.delta for chunk in chunks]


# What it sends and takes


def test_it_is_a_backend() -> None:
    """The class fits the protocol, for type checkers and for readers."""
    backend: Backend = OpenAIBackend("tiny", base_url="http://localhost/v1")
    backend.close()
    backend.close()


def test_a_whole_answer() -> None:
    """`complete` returns the text with its id, model, finish reason and usage."""
    assert _answer_to(_complete, _saying(answer_json(REPLY))) == ChatCompletion(
        "chatcmpl-7", "tiny-2", "A decision.", "stop", Usage(5, 3)
    )


def test_a_streamed_answer() -> None:
    """`stream` yields the deltas and one last piece with finish reason and usage."""
    script = _streaming(
        piece(""),
        piece("A "),
        piece("decision."),
        piece(finish="stop"),
        event({"id": "chatcmpl-7", "choices": [], "usage": REPLY["usage"]}),
        DONE,
    )
    assert _answer_to(_stream, script) == [
        ChatChunk("chatcmpl-7", "tiny-2", "A "),
        ChatChunk("chatcmpl-7", "tiny-2", "decision."),
        ChatChunk("chatcmpl-7", "tiny-2", "", "stop", Usage(5, 3)),
    ]


def _sent(verb: str, request: ChatRequest, **options: Any) -> tuple[str, dict[str, Any]]:
    seen: list[str] = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(answer_json(REPLY) if verb == "complete" else STREAM_HEAD + piece("a") + DONE)

    with _asking(script, **options) as backend:
        if verb == "stream":
            list(backend.stream(request, deadline=Deadline.after(10)))
        else:
            backend.complete(request, deadline=Deadline.after(10))
    head, _, body = seen[0].partition("\r\n\r\n")
    return head, json.loads(body)


def test_the_request_holds_only_what_is_set() -> None:
    """No stop, seed or stream options unless they are wanted."""
    head, body = _sent("complete", ASK)
    assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert "authorization" not in head.lower()
    assert body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "What is a router?"}],
        "max_tokens": 512,
        "stream": False,
    }


def test_the_request_holds_everything_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, system message, stop, seed and the wish for usage all arrive."""
    monkeypatch.setenv("TINY_KEY", f" {KEY}\n")
    messages = (Message("system", "Be brief."), Message("user", "h\u00e9?"))
    request = ChatRequest(messages, max_tokens=9, temperature=0.5, stop=("\n", "."), seed=0)
    head, body = _sent("stream", request, api_key_env="TINY_KEY")
    assert f"authorization: bearer {KEY}".lower() in head.lower()
    assert body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "h\u00e9?"},
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "stop": ["\n", "."],
        "seed": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_request_that_json_cannot_hold_is_rejected() -> None:
    """A seed that somebody put past the checks is refused before anything is sent."""
    request = ChatRequest(ASK.messages)
    object.__setattr__(request, "seed", object())
    with _asking(_saying()) as backend, pytest.raises(BackendRejected, match="JSON"):
        backend.complete(request, deadline=Deadline.after(9))


def test_a_connection_serves_several_answers() -> None:
    """Streams that end properly leave their connection for the next question."""

    def script(peer: Peer) -> None:
        body = piece("a", finish="stop") + DONE
        while peer.request():
            peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
            peer.send("Transfer-Encoding: chunked\r\n\r\n")
            peer.send(f"{len(body):x}\r\n{body}\r\n")
            peer.send("0\r\n\r\n")

    with FaultServer(script) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        for _ in range(3):
            assert _texts(_stream(backend, Deadline.after(10))) == ["a", ""]
        backend.close()
        assert server.connections == 1


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([piece("a"), piece(finish="stop")], id="no DONE"),
        pytest.param([piece("a"), DONE], id="no finish reason"),
        pytest.param([piece("a", finish="stop"), DONE], id="finish with the last delta"),
        pytest.param([piece("a"), piece(finish="tool_calls"), DONE], id="unknown finish reason"),
        pytest.param([piece("a"), "data: [DONE]\n"], id="no last blank line"),
        pytest.param([": ping\n\n", "data:\n\n", piece("a"), DONE], id="comments, empty data"),
        pytest.param([event({"choices": []}), piece("a"), DONE], id="no choices"),
        pytest.param([piece("a"), event({"choices": [], "usage": None}), DONE], id="no usage"),
        pytest.param([piece(None), piece("a"), DONE], id="no content"),
        pytest.param([piece("a"), piece(finish="stop"), "data: {\n\n"], id="rubbish after the end"),
        pytest.param([piece("a", error=None), DONE], id="error null"),
        pytest.param(
            [piece("a"), event({"choices": [{"finish_reason": "stop"}]}), DONE], id="no delta"
        ),
    ],
)
def test_streams_that_differ_but_mean_the_same(events: list[str]) -> None:
    """Whatever servers do differently, there is one last piece, and it says stop."""
    chunks = _answer_to(_stream, _streaming(*events))
    assert _texts(chunks) == ["a", ""]
    assert [chunk.finish_reason for chunk in chunks] == [None, "stop"]
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_known_finish_reasons_stay(reason: str) -> None:
    """Only the reasons that the chat shape knows come through."""
    assert _answer_to(_stream, _streaming(piece("a", finish=reason)))[-1].finish_reason == reason
    choice = {"message": {"content": "a"}, "finish_reason": reason}
    reply = _answer_to(_complete, _saying(answer_json({"choices": [choice]})))
    assert reply.finish_reason == reason


def test_a_stream_without_names_gets_one_id_and_our_model() -> None:
    """All pieces of an answer share an id even where the server gives none."""
    chunk = event({"choices": [{"delta": {"content": "a"}}]})
    chunks = _answer_to(_stream, _streaming(chunk, chunk, DONE))
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].id
    assert {chunk.model for chunk in chunks} == {"tiny"}


def test_a_stream_is_named_by_its_first_text() -> None:
    """Azure's first chunk has an empty id; once text is out, its name stays."""
    nameless = event({"id": "", "model": "", "choices": []})
    renamed = event({"id": "other", "choices": [{"delta": {"content": "b"}}]})
    chunks = _answer_to(_stream, _streaming(nameless, piece("a"), renamed, DONE))
    assert {(chunk.id, chunk.model) for chunk in chunks} == {("chatcmpl-7", "tiny-2")}


def test_a_stream_cut_anywhere_gives_the_same_text() -> None:
    """Every byte in its own packet, characters of several bytes included."""
    body = piece("h\u00e9\u20ac\U0001f600").replace("\\u", "\\u") + event(
        '{"choices": [{"delta": {"content": "\u20ac"}, "finish_reason": "stop"}]}'
    )

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD)
        peer.drip(body, every_s=0)

    assert "".join(_texts(_answer_to(_stream, script))) == "h\u00e9\u20ac\U0001f600\u20ac"


@pytest.mark.parametrize(
    "reply",
    [
        {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]},
        {"choices": [{"message": {}, "finish_reason": None}], "usage": {"prompt_tokens": "5"}},
    ],
)
def test_an_answer_without_text_is_empty(reply: dict[str, Any]) -> None:
    """A missing content is an empty text that stopped."""
    told = _answer_to(_complete, _saying(answer_json(reply)))
    assert (told.text, told.finish_reason, told.usage) == ("", "stop", None)


# Time


DEADLINE_S = 0.1
ENDED_BY_S = 2.0  # every script below would go on for longer


def _silent(peer: Peer) -> None:
    peer.request()
    peer.pause()


def _drips_headers(peer: Peer) -> None:
    peer.request()
    peer.drip(STREAM_HEAD.replace(": ", ": " + "x" * 300, 1), every_s=0.03)


def _drips_body(peer: Peer) -> None:
    peer.request()
    peer.send("HTTP/1.1 200 OK\r\n\r\n")
    peer.drip(": waiting\n" * 60, every_s=0.03)


def _drips_an_error(peer: Peer) -> None:
    peer.request()
    peer.send("HTTP/1.1 500 Oops\r\n\r\n")
    peer.drip("x" * 600, every_s=0.03)


@pytest.mark.parametrize(
    ("verb", "script"),
    [
        (_complete, _silent),
        (_stream, _drips_headers),
        (_stream, _drips_body),
        (_complete, _drips_an_error),
    ],
)
def test_a_slow_server_is_unavailable_at_the_deadline(verb: Verb, script: Script) -> None:
    """Another expert may be asked, and the deadline is kept once, not per byte."""
    with _asking(script) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            verb(backend, Deadline.after(DEADLINE_S))
        assert DEADLINE_S * 0.9 <= time.monotonic() - start < ENDED_BY_S


def test_a_silent_server_leaves_time_for_another_expert() -> None:
    """The first token has a limit of its own, well before the deadline."""
    with _asking(_silent, first_token_timeout_s=0.1) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable, match="no answer in time"):
            _stream(backend, Deadline.after(60))
        assert time.monotonic() - start < 5


@both_verbs
def test_a_connection_that_is_not_made_leaves_time_for_another_expert(verb: Verb) -> None:
    """The connection has a limit of its own, for whole answers too."""
    with FaultServer(lambda peer: peer.pause()) as server:
        url = server.url.replace("http:", "https:")  # the handshake never comes
        backend = OpenAIBackend("tiny", base_url=url, connect_timeout_s=0.1)
        start = time.monotonic()
        with pytest.raises(BackendUnavailable, match="no connection"):
            verb(backend, Deadline.after(60))
        assert time.monotonic() - start < 5
        backend.close()


def test_role_and_comments_are_no_first_token() -> None:
    """A server that only says that it is there has not answered yet."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + piece(""))
        while True:
            peer.send(": ping\n\n")
            peer.pause(0.05)

    with _asking(script, first_token_timeout_s=0.1) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            _stream(backend, Deadline.after(60))
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", ["content", "reasoning_content", "reasoning"])
def test_thinking_aloud_counts_as_a_first_token(name: str) -> None:
    """A server that reasons is at work; one that only names its role may not be."""
    role, token = (
        {"choices": [{"delta": delta}]} for delta in ({"role": "assistant"}, {name: "hm"})
    )
    answer = Answer("tiny")
    answer.take(json.dumps(role))
    assert not answer.awake
    answer.take(json.dumps(token))
    assert answer.awake


def test_after_its_first_token_a_server_has_until_the_deadline() -> None:
    """A slow answer is an answer."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + event({"choices": [{"delta": {"reasoning": "hm"}}]}))
        peer.pause(0.25)
        peer.send(piece("late", finish="stop"))

    chunks = _answer_to(_stream, script, first_token_timeout_s=0.2)
    assert _texts(chunks) == ["late", ""]


def test_a_whole_answer_has_until_the_deadline() -> None:
    """Headers that come only with the finished answer are not late, nor is a body after them."""
    head, _, body = answer_json(REPLY).partition(b"\r\n\r\n")

    def script(peer: Peer) -> None:
        peer.request()
        peer.pause(0.05)
        peer.send(head + b"\r\n\r\n")
        peer.pause(0.05)
        peer.send(body)

    assert _answer_to(_complete, script, first_token_timeout_s=0.02).text == "A decision."


def test_a_stall_after_text_is_a_protocol_error_at_the_deadline() -> None:
    """Half an answer has been shown, so nobody else may be asked."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + piece("half "))
        peer.pause()

    with _asking(script) as backend:
        start = time.monotonic()
        stream = backend.stream(ASK, deadline=Deadline.after(2 * DEADLINE_S))
        assert next(stream).delta == "half "
        with pytest.raises(BackendProtocolError, match="ran out of time"):
            next(stream)
        assert time.monotonic() - start < ENDED_BY_S


def test_a_server_that_keeps_quiet_after_the_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once the finish reason is there, usage and [DONE] may be missing."""
    monkeypatch.setattr("edge_router.backends.openai.backend._LAST_WORDS_S", 0.05)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + piece("all", finish="stop"))
        peer.pause()

    start = time.monotonic()
    assert _texts(_answer_to(_stream, script)) == ["all", ""]
    assert time.monotonic() - start < 5


@both_verbs
def test_a_passed_deadline_asks_nobody(verb: Verb) -> None:
    """No connection is opened for an answer that would come too late."""
    with FaultServer(_silent) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        with pytest.raises(BackendUnavailable, match="ran out of time"):
            verb(backend, Deadline.after(0))
        assert server.connections == 0
        backend.close()


def test_closing_the_stream_closes_the_connection() -> None:
    """A user who cancels stops the server's work at once."""
    noticed: list[bool] = []
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + piece("a"))
        noticed.append(peer.gone())
        ended.set()

    with _asking(script) as backend:
        stream = backend.stream(ASK, deadline=Deadline.after(30))
        next(stream)
        stream.close()
        assert ended.wait(5)
    assert noticed == [True]


def test_a_stream_that_is_never_read_asks_nobody() -> None:
    """Nothing is sent before the first piece is wanted."""
    with FaultServer(_silent) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        backend.stream(ASK, deadline=Deadline.after(30)).close()
        assert server.connections == 0
        backend.close()


@both_verbs
def test_a_closed_backend_is_unavailable(verb: Verb) -> None:
    """A question after `close` gets an error of ours."""
    backend = OpenAIBackend("tiny", base_url="http://127.0.0.1:9/v1")
    backend.close()
    with pytest.raises(BackendUnavailable, match="closed"):
        verb(backend, Deadline.after(10))


# Failures


@both_verbs
def test_nobody_listening_is_unavailable(verb: Verb) -> None:
    """The message names the model and the address."""
    with FaultServer(_silent) as server:
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
        pytest.param(_saying(), id="hangs up"),
        pytest.param(_saying("HTTP/1.1 200 OK\r\nContent-Le"), id="half a header"),
        pytest.param(_saying("SSH-2.0-OpenSSH_9.6\r\n"), id="not HTTP"),
        pytest.param(_saying("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), id="no body"),
    ],
)
def test_breaking_off_before_any_text_is_unavailable(verb: Verb, script: Script) -> None:
    """Nothing has been shown, so another expert may be asked."""
    assert isinstance(_failure_of(verb, script), BackendUnavailable)


@pytest.mark.parametrize(
    "events", [[], [piece("")], [piece("")[:20]], [": ping\n\n"], [event({"choices": []})]]
)
def test_a_stream_that_ends_before_any_text_is_unavailable(events: list[str]) -> None:
    """A clean end without text, finish reason or [DONE] is no answer."""
    assert isinstance(_failure_of(_stream, _streaming(*events)), BackendUnavailable)


@pytest.mark.parametrize("after", ["", piece("b")[:20], ": ping\n\n"])
def test_a_stream_that_ends_after_some_text_is_a_protocol_error(after: str) -> None:
    """What was shown cannot be taken back."""
    error = _failure_of(_stream, _streaming(piece("a"), after))
    assert isinstance(error, BackendProtocolError)
    assert "broke off" in str(error)


@both_verbs
@pytest.mark.parametrize(
    "status", ["408 Timeout", "429 Slow down", "500 Oops", "503 Busy", "529 X"]
)
def test_passing_troubles_are_unavailable(verb: Verb, status: str) -> None:
    """Another expert may be asked, and the server's reason is told."""
    reply = answer_json({"error": {"message": "too many cooks"}}, status=status)
    error = _failure_of(verb, _saying(reply))
    assert isinstance(error, BackendUnavailable)
    assert status[:3] in str(error)
    assert "too many cooks" in str(error)
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("told", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        (formatdate(time.time() + 7200, usegmt=True), 3600, 7200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0, 0),
    ],
)
@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
def test_retry_after_is_told_in_seconds(status: str, told: str, low: float, high: float) -> None:
    """Both forms of the header, seconds and date, become seconds from now."""
    error = _failure_of(_complete, _saying(answer("", status=status, retry_after=told)))
    assert error.retry_after_s is not None
    assert low <= error.retry_after_s <= high


@pytest.mark.parametrize("told", ["soon", "-1", "nan", "inf", "Wed, 99 Foo 2015"])
def test_a_senseless_retry_after_is_ignored(told: str) -> None:
    """Rubbish in the header is no reason to fail in another way."""
    error = _failure_of(_complete, _saying(answer("", status="429 No", retry_after=told)))
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
    """Nobody else may be asked, and the user learns what to do."""
    monkeypatch.setenv("TINY_KEY", KEY)
    script = _saying(answer_json({"error": {"message": "not like that"}}, status=status))
    with pytest.raises(BackendRejected, match=f"{fix}.*not like that"):
        _answer_to(verb, script, api_key_env="TINY_KEY")


def test_a_refusal_without_any_key_says_how_to_give_one() -> None:
    """A 401 for a backend without a key names the setting."""
    error = _failure_of(_complete, _saying(answer("", status="401 Unauthorized")))
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
    """OpenAI's error object, its cousins and plain text all tell the reason."""
    assert str(_failure_of(_complete, _saying(answer(body, status="400 No")))).endswith("(why)")


def test_the_servers_reason_is_cut_and_cleaned() -> None:
    """A page of text becomes 200 characters on one line."""
    body = "\x1b[31mred\n" + "x" * 100_000
    told = str(_failure_of(_complete, _saying(answer(body, status="400 No"))))
    assert told.isprintable()
    assert told.count("x") < 200
    assert "[31mred x" in told


def test_what_the_http_library_quotes_is_cut() -> None:
    """A status line of many kilobytes does not become a message of many kilobytes."""
    told = str(_failure_of(_complete, _saying("x" * 5000 + "\r\n\r\n")))
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
    assert isinstance(_failure_of(_complete, script), BackendRejected)
    assert time.monotonic() - start < 1.5  # less than the 2 s that an error body may take


def test_an_explanation_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status decides at once, however far the deadline is."""
    monkeypatch.setattr("edge_router.backends.openai.backend._ERROR_BODY_S", 0.1)
    start = time.monotonic()
    assert "HTTP 500 (xx" in str(_failure_of(_complete, _drips_an_error))
    assert time.monotonic() - start < ENDED_BY_S


@both_verbs
def test_a_redirect_is_not_followed(verb: Verb) -> None:
    """The question goes only where the user sent it."""
    with FaultServer(_saying(answer_json(REPLY))) as other:
        script = _saying(answer("", status="301 Moved", location=other.url))
        error = _failure_of(verb, script)
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
    """Whoever answers there does not speak the protocol."""
    if verb is _complete:
        head, _, body = reply.partition(b"\r\n\r\n")
        reply = answer(body.removeprefix(b"data: ").strip(), content_type="text/plain")
        reply = reply if b"text/html" not in head else head + b"\r\n\r\n" + body
    assert isinstance(_failure_of(verb, _saying(reply)), BackendProtocolError)


def test_content_that_is_not_text_is_a_protocol_error() -> None:
    """A number is no text, nor is a text part without its text."""
    chunk = {"choices": [{"delta": {"content": [{"type": "text"}]}}]}
    assert isinstance(_failure_of(_stream, _streaming(event(chunk))), BackendProtocolError)
    reply = {"choices": [{"message": {"content": 7}}]}
    assert isinstance(_failure_of(_complete, _saying(answer_json(reply))), BackendProtocolError)


def test_a_stream_for_json_that_says_nothing_is_a_protocol_error() -> None:
    """An event stream without any message is no whole answer."""
    assert isinstance(_failure_of(_complete, _streaming(DONE)), BackendProtocolError)


def test_an_endless_line_is_a_protocol_error() -> None:
    """A line over 1 MiB cannot fill the memory."""
    script = _streaming("data: " + "x" * (3 << 20))
    assert isinstance(_failure_of(_stream, script), BackendProtocolError)


def test_an_endless_reply_is_a_protocol_error() -> None:
    """Nor can a reply that does not end."""
    script = _saying("HTTP/1.1 200 OK\r\n\r\n", *[b" " * (1 << 20)] * 18)
    assert isinstance(_failure_of(_complete, script), BackendProtocolError)


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
    whole, streamed = _saying(answer_json(reply)), _streaming(event(reply))
    failure = _failure_of(verb, whole if verb is _complete else streamed)
    assert type(failure) is kind
    assert str(failure).endswith("(m)")


def test_an_error_object_after_text_is_a_protocol_error() -> None:
    """After text nobody else may be asked, whatever the error says."""
    for error in (_PASSING[0], _LASTING[0]):
        script = _streaming(piece("a"), event({"error": error}))
        assert isinstance(_failure_of(_stream, script), BackendProtocolError)


# The key


def _echo(status: str) -> Script:
    """A server that says everything it was told."""

    def script(peer: Peer) -> None:
        peer.send(answer_json({"error": {"message": peer.request()[-900:]}}, status=status))

    return script


@both_verbs
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(_saying(answer(f"no key {KEY}!", status="401 No")), id="text"),
        pytest.param(_saying(answer("x" * 190 + KEY, status="500 No")), id="cut through the key"),
        pytest.param(
            _saying(answer("", status="302 No", location=f"http://h/?k={KEY}")), id="redirect"
        ),
        pytest.param(_saying(f"HTTP/1.1 {KEY}\r\n\r\n"), id="status line"),
        pytest.param(_saying(answer("", x=KEY + "\x00")), id="header"),
        pytest.param(_saying(STREAM_HEAD + event({"error": {"message": KEY}})), id="stream"),
        pytest.param(_saying(STREAM_HEAD + piece("a") + event({"error": KEY})), id="late"),
        pytest.param(_saying(STREAM_HEAD + event(KEY)), id="not JSON"),
    ],
)
def test_an_echoed_key_never_shows(
    verb: Verb, script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No message, traceback, repr or log holds the key, not even its first characters."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TINY_KEY", KEY)
    with _asking(script, api_key_env="TINY_KEY") as backend:
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
    with FaultServer(_silent) as server:
        backend = OpenAIBackend("tiny", base_url=server.url, api_key_env="TINY_KEY")
        with pytest.raises(BackendRejected, match="TINY_KEY"):
            verb(backend, Deadline.after(10))
        backend.close()
        assert server.connections == 0


@pytest.mark.parametrize("pasted", ["gsk_ABCDEF", "aiza0verysecret", "A" * 41, "KEYxVery0Secret"])
def test_a_key_in_place_of_its_variable_is_never_shown(
    pasted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key can look like a name, and then only the environment tells that it is none."""
    monkeypatch.delenv(pasted, raising=False)
    said = "the variable named by api_key_env is not set"
    with (
        contextlib.closing(
            OpenAIBackend("tiny", base_url="https://h/v1", api_key_env=pasted)
        ) as backend,
        pytest.raises(BackendRejected, match=said) as refused,
    ):
        _complete(backend, Deadline.after(10))
    with pytest.raises(ConfigError) as exposed:
        OpenAIBackend("tiny", base_url="http://h/v1", api_key_env=pasted)
    assert pasted not in f"{refused.value} {exposed.value} {backend!r}"


@pytest.mark.parametrize("name", ["TINY_KEY_2", "tiny_key", "A" * 40])
def test_a_variable_that_is_not_set_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is plainly a name helps to find the mistake."""
    monkeypatch.delenv(name, raising=False)
    error = _failure_of(_complete, _saying(), api_key_env=name)
    assert f"${name} is not set" in str(error)


@pytest.mark.parametrize("value", ["sk-Very\nSecret", "sk-Very Secret", "sk-V\u00e9ry"])
def test_a_damaged_key_is_rejected_without_showing_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break inside the key would otherwise come back in the HTTP library's error."""
    monkeypatch.setenv("TINY_KEY", value)
    error = _failure_of(_complete, _saying(), api_key_env="TINY_KEY")
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

    with _asking(script, api_key_env="TINY_KEY") as backend:
        for key in ("one", "two"):
            monkeypatch.setenv("TINY_KEY", key)
            _complete(backend, Deadline.after(10))
    assert "Bearer one\r\n" in seen[0]
    assert "Bearer two\r\n" in seen[1]


# Settings


@pytest.mark.parametrize(
    "base_url", ["", "localhost:8080/v1", "ftp://h/v1", "http://", "file:///etc", "http://h:x/v1"]
)
def test_a_base_url_that_is_not_http_is_a_config_error(base_url: str) -> None:
    """The error shows what a base URL looks like."""
    with pytest.raises(ConfigError, match="base_url"):
        OpenAIBackend("tiny", base_url=base_url)


@pytest.mark.parametrize(
    "base_url",
    ["https://me:hunter2@h/v1", "https://h/v1?key=hunter2", "http://me:hunter2@h:hunter2/v1"],
)
def test_a_base_url_with_a_secret_is_a_config_error(base_url: str) -> None:
    """Secrets have one place, and the error does not show this one."""
    with pytest.raises(ConfigError) as caught:
        OpenAIBackend("tiny", base_url=base_url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["example.com", "192.168.1.5:8080", "0.0.0.0", "localhost.a.com"])
def test_a_key_over_plain_http_is_a_config_error(host: str) -> None:
    """A key is never sent where others can read it; the error says why."""
    with pytest.raises(ConfigError, match="unencrypted"):
        OpenAIBackend("tiny", base_url=f"http://{host}/v1", api_key_env="TINY_KEY")


@pytest.mark.parametrize(
    ("base_url", "api_key_env"),
    [
        ("https://example.com/v1", "TINY_KEY"),
        ("http://localhost:8080/v1/", "TINY_KEY"),
        ("http://127.0.0.1/v1", "TINY_KEY"),
        ("http://[::1]:1/v1", "TINY_KEY"),
        ("http://192.168.1.5:8080/v1", None),
    ],
)
def test_good_settings_are_taken(base_url: str, api_key_env: str | None) -> None:
    """Encrypted, local or without a key."""
    OpenAIBackend("tiny", base_url=base_url, api_key_env=api_key_env).close()


def test_a_key_in_place_of_its_variable_is_a_config_error() -> None:
    """The most likely mistake is named, and the key is not repeated."""
    with pytest.raises(ConfigError, match="not the key itself") as caught:
        OpenAIBackend("tiny", base_url="https://h/v1", api_key_env=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_times_that_are_not_positive_are_config_errors(seconds: float) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match="connect_timeout_s"):
        OpenAIBackend("tiny", base_url="https://h/v1", connect_timeout_s=seconds)
    with pytest.raises(ConfigError, match="first_token_timeout_s"):
        OpenAIBackend("tiny", base_url="https://h/v1", first_token_timeout_s=seconds)


def test_several_threads_share_one_backend() -> None:
    """Each thread gets its own answer."""

    def script(peer: Peer) -> None:
        text = json.loads(peer.request().partition("\r\n\r\n")[2])["messages"][0]["content"]
        peer.send(STREAM_HEAD + piece(text) + piece(finish="stop") + DONE)

    got: dict[str, list[str]] = {}

    def ask(text: str, backend: OpenAIBackend) -> None:
        got[text] = _texts(list(backend.stream(ChatRequest.of(text), deadline=Deadline.after(10))))

    with _asking(script) as backend:
        threads = [threading.Thread(target=ask, args=(str(n), backend)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == {str(n): [str(n), ""] for n in range(8)}
