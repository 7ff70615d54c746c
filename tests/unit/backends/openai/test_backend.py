"""OpenAIBackend's requests and its good answers, over real sockets."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from asking import ASK, DONE, REPLY, answer_to, asking, complete, saying, stream, streaming
from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, Message, Usage
from edge_router.errors import BackendRejected, BackendUnavailable
from fault_server import STREAM_HEAD, FaultServer, Peer, answer_json, event, piece

KEY = "sk-Very.Secret+Key/42="


def _texts(chunks: list[ChatChunk]) -> list[str]:
    return [chunk.delta for chunk in chunks]


def test_it_is_a_backend() -> None:
    """The class fits the protocol, for type checkers and for readers."""
    backend: Backend = OpenAIBackend("tiny", base_url="http://localhost/v1")
    backend.close()
    backend.close()
    with pytest.raises(BackendUnavailable):
        backend.complete(ASK, deadline=Deadline.after(1))


def test_a_whole_answer() -> None:
    """`complete` returns the text with its id, model, finish reason and usage."""
    assert answer_to(complete, saying(answer_json(REPLY))) == ChatCompletion(
        "chatcmpl-7", "tiny-2", "A decision.", "stop", Usage(5, 3)
    )


def test_a_streamed_answer() -> None:
    """`stream` yields the deltas and one last piece with finish reason and usage."""
    script = streaming(
        piece(""),
        piece("A "),
        piece("decision."),
        piece(finish="stop"),
        event({"id": "chatcmpl-7", "choices": [], "usage": REPLY["usage"]}),
        DONE,
    )
    assert answer_to(stream, script) == [
        ChatChunk("chatcmpl-7", "tiny-2", "A "),
        ChatChunk("chatcmpl-7", "tiny-2", "decision."),
        ChatChunk("chatcmpl-7", "tiny-2", "", "stop", Usage(5, 3)),
    ]


def _sent(verb: str, request: ChatRequest, **options: Any) -> tuple[str, dict[str, Any]]:
    seen: list[str] = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(answer_json(REPLY) if verb == "complete" else STREAM_HEAD + piece("a") + DONE)

    with asking(script, **options) as backend:
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
    """A seed put past the checks is refused before anything is sent."""
    request = ChatRequest(ASK.messages)
    object.__setattr__(request, "seed", object())
    with asking(saying()) as backend, pytest.raises(BackendRejected, match="JSON"):
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
            assert _texts(stream(backend, Deadline.after(10))) == ["a", ""]
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
    chunks = answer_to(stream, streaming(*events))
    assert _texts(chunks) == ["a", ""]
    assert [chunk.finish_reason for chunk in chunks] == [None, "stop"]
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_known_finish_reasons_stay(reason: str) -> None:
    """Only the reasons that the chat shape knows come through."""
    assert answer_to(stream, streaming(piece("a", finish=reason)))[-1].finish_reason == reason
    choice = {"message": {"content": "a"}, "finish_reason": reason}
    reply = answer_to(complete, saying(answer_json({"choices": [choice]})))
    assert reply.finish_reason == reason


def test_a_stream_without_names_gets_one_id_and_our_model() -> None:
    """All pieces of an answer share an id even where the server gives none."""
    chunk = event({"choices": [{"delta": {"content": "a"}}]})
    chunks = answer_to(stream, streaming(chunk, chunk, DONE))
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].id
    assert {chunk.model for chunk in chunks} == {"tiny"}


def test_a_stream_is_named_by_its_first_text() -> None:
    """Azure's first chunk has an empty id; once text is out, its name stays."""
    nameless = event({"id": "", "model": "", "choices": []})
    renamed = event({"id": "other", "choices": [{"delta": {"content": "b"}}]})
    chunks = answer_to(stream, streaming(nameless, piece("a"), renamed, DONE))
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

    assert "".join(_texts(answer_to(stream, script))) == "h\u00e9\u20ac\U0001f600\u20ac"


@pytest.mark.parametrize(
    "reply",
    [
        {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]},
        {"choices": [{"message": {}, "finish_reason": None}], "usage": {"prompt_tokens": "5"}},
    ],
)
def test_an_answer_without_text_is_empty(reply: dict[str, Any]) -> None:
    """A missing content is an empty text that stopped."""
    told = answer_to(complete, saying(answer_json(reply)))
    assert (told.text, told.finish_reason, told.usage) == ("", "stop", None)


def test_several_threads_share_one_backend() -> None:
    """Each thread gets its own answer."""

    def script(peer: Peer) -> None:
        text = json.loads(peer.request().partition("\r\n\r\n")[2])["messages"][0]["content"]
        peer.send(STREAM_HEAD + piece(text) + piece(finish="stop") + DONE)

    got: dict[str, list[str]] = {}

    def ask(text: str, backend: OpenAIBackend) -> None:
        got[text] = _texts(list(backend.stream(ChatRequest.of(text), deadline=Deadline.after(10))))

    with asking(script) as backend:
        threads = [threading.Thread(target=ask, args=(str(n), backend)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == {str(n): [str(n), ""] for n in range(8)}
