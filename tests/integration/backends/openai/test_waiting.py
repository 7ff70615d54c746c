"""Waiting for a server: for how long, who may end it, and what a dead connection costs."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asking import (
    ASK,
    WHOLE,
    asking,
    both_verbs,
    complete,
    hanging_after,
    in_two,
    pinging_after,
    silent,
    stream,
    text_of,
)
from edge_router.backends.deadline import Deadline
from edge_router.backends.http.transport import DeadlineTransport
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.errors import BackendError, BackendProtocolError, BackendUnavailable
from fault_server import (
    STREAM_HEAD,
    FaultServer,
    Peer,
    answer_json,
    event,
    full_backlog,
    piece,
)

SOON_S = 3.0  # what would otherwise wait for a minute
THINKS = event({"choices": [{"delta": {"reasoning": "hm"}}]})


# For how long


@both_verbs
def test_by_default_only_the_deadline_bounds_the_wait(verb: Any) -> None:
    """A server may need longer than any limit of ours to load its model."""
    backend = OpenAIBackend("tiny", base_url="http://localhost/v1")
    assert backend._first_token_timeout_s == math.inf
    assert backend._stall_timeout_s == math.inf
    backend.close()


@both_verbs
def test_another_expert_gets_its_turn_before_the_deadline(verb: Any) -> None:
    """The first token has the attempt's own limit."""
    with asking(pinging_after()) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable, match="no answer in time"):
            verb(backend, Deadline.after(60).attempt(first_token_s=0.1))
        assert time.monotonic() - start < SOON_S


def test_once_it_has_begun_the_attempt_has_until_the_deadline() -> None:
    """From the first text on only the deadline counts."""
    with asking(in_two(piece("a"), piece("b", finish="stop"), pause_s=0.4)) as backend:
        attempt = Deadline.after(10).attempt(first_token_s=0.3, silence_s=0.3)
        assert text_of(list(backend.stream(ASK, deadline=attempt))).endswith("b")


def test_thinking_is_no_answer_yet() -> None:
    """While another expert could step in, one that thinks and hangs is left like any other."""
    with asking(hanging_after(THINKS)) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            list(backend.stream(ASK, deadline=Deadline.after(60).attempt(silence_s=0.2)))
        assert time.monotonic() - start < SOON_S


@both_verbs
def test_a_silent_server_is_left_before_a_slow_one(verb: Any) -> None:
    """No byte at all for `silence_s` is enough; a server that says anything is waited for."""
    with asking(silent) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            verb(backend, Deadline.after(60).attempt(silence_s=0.1))
        assert time.monotonic() - start < SOON_S
    with asking(pinging_after()) as backend:
        start = time.monotonic()
        with pytest.raises(BackendUnavailable):
            verb(backend, Deadline.after(0.35).attempt(silence_s=0.15))
        assert time.monotonic() - start > 0.3


def test_connecting_is_silence_too() -> None:
    """A handshake that does not come is not granted its own time besides."""
    with FaultServer(lambda peer: peer.pause()) as server:
        backend = OpenAIBackend("tiny", base_url=server.url.replace("http:", "https:"))
        start = time.monotonic()
        with pytest.raises(BackendUnavailable, match="no connection"):
            stream(backend, Deadline.after(60).attempt(silence_s=0.1))
        assert time.monotonic() - start < SOON_S
        backend.close()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((), BackendUnavailable),
        ((THINKS,), BackendUnavailable),
        ((piece("a"),), BackendProtocolError),
    ],
)
def test_a_stall_is_bounded_before_and_after_the_first_token(
    said: tuple[str, ...], kind: type[BackendError]
) -> None:
    """`stall_timeout_s` is for any time without a byte."""
    start = time.monotonic()
    with asking(hanging_after(*said), stall_timeout_s=0.1) as backend, pytest.raises(kind):
        stream(backend, Deadline.after(60))
    assert time.monotonic() - start < SOON_S


def test_a_caller_who_takes_his_time_is_no_stall() -> None:
    """What was sent meanwhile lies ready, and the pause was not the server's."""
    script = in_two(piece("a"), piece("b", finish="stop"), pause_s=0.3)
    with asking(script, stall_timeout_s=0.25) as backend:
        told = backend.stream(ASK, deadline=Deadline.after(10))
        assert next(told).delta == "a"
        time.sleep(0.4)
        assert next(told).delta == "b"


# Ending it from another thread


@contextlib.contextmanager
def _stuck(where: str) -> Iterator[OpenAIBackend]:
    """A backend whose next question waits there."""
    with contextlib.ExitStack() as stack:
        options: dict[str, Any] = {}
        if where == "name":
            released = threading.Event()
            stack.callback(released.set)
            options["transport"] = DeadlineTransport(
                resolve=lambda *_, **__: released.wait(30) and []
            )
            url = "http://slow.example/v1"
        elif where == "connect":
            url = f"http://127.0.0.1:{stack.enter_context(full_backlog())[1]}/v1"
        else:
            scripts = {
                "handshake": lambda peer: peer.pause(),
                "send": lambda peer: peer.pause(),
                "headers": silent,
                "thinking": hanging_after(THINKS),
                "body": hanging_after(piece("a")),
            }
            url = stack.enter_context(FaultServer(scripts[where])).url
            url = url.replace("http:", "https:") if where == "handshake" else url
        backend = OpenAIBackend("tiny", base_url=url, connect_timeout_s=60, **options)
        yield stack.enter_context(contextlib.closing(backend))


PLACES = ("name", "connect", "handshake", "send", "headers", "thinking", "body")
ENDS: dict[str, Callable[[OpenAIBackend, Deadline], None]] = {
    "cancelled": lambda _, deadline: deadline.cancel(),
    "closed": lambda backend, _: backend.close(),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("where", PLACES)
def test_another_thread_ends_every_wait(where: str, end: str) -> None:
    """Looking up, connecting, shaking hands, sending, receiving: each is woken at once."""
    request = ASK if where != "send" else ASK.of("x" * (30 << 20))
    with _stuck(where) as backend:
        deadline = Deadline.after(60)
        ended: list[float] = []

        def at_last() -> None:
            ENDS[end](backend, deadline)
            ended.append(time.monotonic())

        timer = threading.Timer(0.07, at_last)
        timer.start()
        with pytest.raises(BackendUnavailable, match=f"(was|is) {end}"):
            list(backend.stream(request, deadline=deadline))
        raised = time.monotonic()
        timer.join()
        assert raised - ended[0] < 1  # 50 ms on a machine that is not busy
    for thread in threading.enumerate():
        if thread.name == "edge-router-dns":
            thread.join(5)


@pytest.mark.parametrize("end", ENDS)
def test_the_server_sees_it_although_nobody_reads(end: str) -> None:
    """Between two pieces no thread waits, and the connection is closed all the same."""
    noticed: list[float] = []

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + piece("a"))
        if peer.gone():
            noticed.append(time.monotonic())

    with asking(script) as backend:
        deadline = Deadline.after(60)
        told = backend.stream(ASK, deadline=deadline)
        next(told)
        start = time.monotonic()
        ENDS[end](backend, deadline)
        assert time.monotonic() - start < 1
        with pytest.raises(BackendUnavailable, match=end):
            next(told)
    assert noticed[0] - start < 1  # 250 ms on a machine that is not busy


def test_pieces_that_lie_ready_are_not_shown_after_a_cancel() -> None:
    """A cancelled answer ends at once, whatever has come."""
    with asking(hanging_after(piece("a") + piece("b"))) as backend:
        deadline = Deadline.after(60)
        told = backend.stream(ASK, deadline=deadline)
        next(told)
        deadline.cancel()
        with pytest.raises(BackendUnavailable, match="was cancelled"):
            next(told)


@both_verbs
def test_a_cancelled_deadline_asks_nobody(verb: Any) -> None:
    """Nothing is sent for a cancelled answer."""
    with FaultServer(silent) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        deadline = Deadline.after(60)
        deadline.cancel()
        with pytest.raises(BackendUnavailable, match="was cancelled"):
            verb(backend, deadline)
        assert server.connections == 0
        backend.close()


def test_a_late_cancel_leaves_the_connection_of_the_next_call_alone() -> None:
    """A connection that was given back is not this call's any more."""
    with asking(_hello) as backend:
        for _ in range(20):
            first, second = Deadline.after(10), Deadline.after(10)
            assert complete(backend, first).text == "Hello."
            threading.Timer(0.001, first.cancel).start()
            assert complete(backend, second).text == "Hello."


def _hello(peer: Peer) -> None:
    while peer.request():
        peer.send(answer_json(WHOLE))


# Connections that died


@both_verbs
def test_a_kept_connection_that_died_is_replaced_once(verb: Any) -> None:
    """The server hangs up just as the next request comes; a new connection serves it."""

    def one_each(peer: Peer) -> None:
        peer.request()
        peer.send(answer_json(WHOLE))
        peer.request()

    with FaultServer(one_each) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        for _ in range(3):
            assert text_of(verb(backend, Deadline.after(10))) == "Hello."
        assert server.connections == 3
        backend.close()


def test_a_new_connection_that_dies_is_not_replaced() -> None:
    """A server that always hangs up is asked once."""
    with FaultServer(lambda peer: peer.request() and None) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        with pytest.raises(BackendUnavailable):
            complete(backend, Deadline.after(10))
        assert server.connections == 1
        backend.close()


@pytest.mark.parametrize("start", ["HTTP/1.1 200 OK\r\n", "H"])
def test_a_kept_connection_that_said_anything_is_not_replaced(start: str) -> None:
    """A server that has begun to answer was asked, and may be paid."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer_json(WHOLE))
        peer.request()
        peer.send(start)

    with FaultServer(script) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        complete(backend, Deadline.after(10))
        with pytest.raises(BackendUnavailable):
            complete(backend, Deadline.after(10))
        assert server.connections == 1
        backend.close()


def test_a_kept_connection_that_is_slow_is_not_replaced() -> None:
    """A silence is no death: the question may be worked on."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer_json(WHOLE))
        peer.request()
        peer.pause()

    with FaultServer(script) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        complete(backend, Deadline.after(10))
        with pytest.raises(BackendUnavailable, match="out of time"):
            complete(backend, Deadline.after(0.1))
        assert server.connections == 1
        backend.close()


def test_a_burst_leaves_no_more_connections_than_it_used() -> None:
    """Connections come back to be used again, and go when they are closed."""
    with FaultServer(_hello) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        threads = [
            threading.Thread(target=complete, args=(backend, Deadline.after(10))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        opened = server.connections
        assert opened <= 8
        for _ in range(8):
            complete(backend, Deadline.after(10))
        assert server.connections == opened
        backend.close()


def test_localhost_is_found_without_a_name_server() -> None:
    """The name of this machine is never asked for: the answer might be another machine."""

    def resolve(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("a name server was asked")

    with FaultServer(_hello) as server:
        for host in ("localhost", "LOCALHOST.", "llama.localhost", "127.0.0.1"):
            backend = OpenAIBackend(
                "tiny",
                base_url=f"http://{host}:{server.port}/v1",
                transport=DeadlineTransport(resolve=resolve),
            )
            assert complete(backend, Deadline.after(10)).text == "Hello."
            backend.close()
