"""Asks an OpenAIBackend of a server on loopback that does what a script says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest
from edge_router.errors import BackendError
from fault_server import STREAM_HEAD, FaultServer, Peer, Script, event

ASK = ChatRequest.of("What is a router?")
DONE = event("[DONE]")
REPLY = {
    "id": "chatcmpl-7",
    "model": "tiny-2",
    "choices": [{"index": 0, "message": {"content": "A decision."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3},
}

WORDS = ["The ", "lake ", "freezes ", "in ", "January."]
WHOLE = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}

Verb = Callable[[OpenAIBackend, Deadline], Any]


def complete(backend: OpenAIBackend, deadline: Deadline) -> ChatCompletion:
    return backend.complete(ASK, deadline=deadline)


def stream(backend: OpenAIBackend, deadline: Deadline) -> list[ChatChunk]:
    return list(backend.stream(ASK, deadline=deadline))


both_verbs = pytest.mark.parametrize("verb", [complete, stream])


@contextlib.contextmanager
def asking(script: Script, **options: Any) -> Iterator[OpenAIBackend]:
    """A backend whose server runs `script`."""
    with (
        FaultServer(script) as server,
        contextlib.closing(OpenAIBackend("tiny", base_url=server.url, **options)) as backend,
    ):
        yield backend


def saying(*parts: bytes | str) -> Script:
    """A server that reads the request, says `parts` and hangs up."""

    def script(peer: Peer) -> None:
        peer.request()
        for part in parts:
            peer.send(part)

    return script


def streaming(*events: str) -> Script:
    """A server that streams `events`."""
    return saying(STREAM_HEAD, *events)


def hanging_after(*events: str) -> Script:
    """A server that streams `events` and then says nothing."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + "".join(events))
        peer.pause()

    return script


def pinging_after(*events: str) -> Script:
    """A server that streams `events`, and comments for ever after."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + "".join(events))
        while True:
            peer.send(": ping\n\n")
            peer.pause(0.02)

    return script


def in_two(first: str, last: str, *, pause_s: float) -> Script:
    """A server that streams `first`, pauses, and ends with `last`."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + first)
        peer.pause(pause_s)
        peer.send(last + DONE)

    return script


def silent(peer: Peer) -> None:
    """A server that reads the request and never answers."""
    peer.request()
    peer.pause()


def drips_an_error(peer: Peer) -> None:
    """A server that sends an error page byte by byte, for 18 seconds."""
    peer.request()
    peer.send("HTTP/1.1 500 Oops\r\n\r\n")
    peer.drip("x" * 600, every_s=0.03)


def answer_to(verb: Verb, script: Script, **options: Any) -> Any:
    """What the backend returns."""
    with asking(script, **options) as backend:
        return verb(backend, Deadline.after(10))


def failure_of(verb: Verb, script: Script, **options: Any) -> BackendError:
    """What the backend raises."""
    with pytest.raises(BackendError) as caught:
        answer_to(verb, script, **options)
    return caught.value


def text_of(words: list[ChatChunk] | ChatCompletion) -> str:
    """The whole text of an answer."""
    return words.text if isinstance(words, ChatCompletion) else "".join(c.delta for c in words)


def reason_of(words: list[ChatChunk] | ChatCompletion) -> str | None:
    """Why an answer ended."""
    return words.finish_reason if isinstance(words, ChatCompletion) else words[-1].finish_reason


def frame(delta: dict[str, Any], finish: Any = None, **extra: Any) -> str:
    """An event of a stream with any delta and finish reason."""
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **extra})


def said_by(*events: str) -> tuple[str, str | None]:
    """The text and the finish reason of what is streamed."""
    words = answer_to(stream, streaming(*events))
    return text_of(words), reason_of(words)
