"""OpenAIBackend keeps the deadline and its own time limits, and can be cancelled and closed."""

from __future__ import annotations

import json
import threading
import time

import pytest

from asking import (
    ASK,
    REPLY,
    Verb,
    answer_to,
    asking,
    both_verbs,
    complete,
    drips_an_error,
    hanging_after,
    pinging_after,
    silent,
    stream,
)
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.backends.openai.reply import Answer
from edge_router.chat.completion import ChatChunk
from edge_router.errors import BackendProtocolError, BackendUnavailable
from fault_server import STREAM_HEAD, FaultServer, Peer, Script, answer_json, event, piece


def _texts(chunks: list[ChatChunk]) -> list[str]:
    return [chunk.delta for chunk in chunks]


DEADLINE_S = 0.1
ENDED_BY_S = 2.0  # every script below would go on for longer


def _drips_headers(peer: Peer) -> None:
    peer.request()
    peer.drip(STREAM_HEAD.replace(": ", ": " + "x" * 300, 1), every_s=0.03)


def _drips_body(peer: Peer) -> None:
    peer.request()
    peer.send("HTTP/1.1 200 OK\r\n\r\n")
    peer.drip(": waiting\n" * 60, every_s=0.03)


@pytest.mark.parametrize(
    ("verb", "script"),
    [
        (complete, silent),
        (stream, _drips_headers),
        (stream, _drips_body),
        (complete, drips_an_error),
    ],
)
def test_a_slow_server_is_unavailable_at_the_deadline(verb: Verb, script: Script) -> None:
    """Another expert may be asked, and the deadline is kept once, not per byte."""
    with asking(script) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            verb(backend, Deadline.after(DEADLINE_S))
        assert DEADLINE_S * 0.9 <= time.monotonic() - start < ENDED_BY_S


def test_a_silent_server_leaves_time_for_another_expert() -> None:
    """The first token has a limit of its own, well before the deadline."""
    with asking(silent, first_token_timeout_s=0.1) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable, match="no answer in time"):
            stream(backend, Deadline.after(60))
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
    with asking(pinging_after(piece("")), first_token_timeout_s=0.1) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            stream(backend, Deadline.after(60))
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

    chunks = answer_to(stream, script, first_token_timeout_s=0.2)
    assert _texts(chunks) == ["", "late", ""]
    assert chunks[0].reasoning_content == "hm"


def test_a_whole_answer_has_until_the_deadline() -> None:
    """Headers that come only with the finished answer are not late, nor is a body after them."""
    head, _, body = answer_json(REPLY).partition(b"\r\n\r\n")

    def script(peer: Peer) -> None:
        peer.request()
        peer.pause(0.05)
        peer.send(head + b"\r\n\r\n")
        peer.pause(0.05)
        peer.send(body)

    assert answer_to(complete, script, first_token_timeout_s=0.02).text == "A decision."


def test_a_stall_after_text_is_a_protocol_error_at_the_deadline() -> None:
    """Half an answer has been shown, so no other expert may be asked."""
    with asking(hanging_after(piece("half "))) as backend:
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
    start = time.monotonic()
    assert _texts(answer_to(stream, hanging_after(piece("all", finish="stop")))) == ["all", ""]
    assert time.monotonic() - start < 5


@both_verbs
def test_a_passed_deadline_asks_nobody(verb: Verb) -> None:
    """No connection is opened for an answer that would come too late."""
    with FaultServer(silent) as server:
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

    with asking(script) as backend:
        stream = backend.stream(ASK, deadline=Deadline.after(30))
        next(stream)
        stream.close()
        assert ended.wait(5)
    assert noticed == [True]


def test_a_stream_that_is_never_read_asks_nobody() -> None:
    """Nothing is sent before the first piece is wanted."""
    with FaultServer(silent) as server:
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
