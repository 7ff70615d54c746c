"""A cloud expert behind every kind of bad server: each call ends with its deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_router import Config, EdgeRouter, EdgeRouterError
from fault_server import STREAM_HEAD, FaultServer, Peer, answer, full_backlog, piece
from made_experts import CLOUD, NOWHERE

DEADLINE_S = 0.8
LATE_S = 0.25  # of a shared machine that stalls; 50 ms on one of its own


def hangs(peer: Peer) -> None:
    """Accepts, and says nothing."""
    peer.request()
    peer.pause()


def headers_only(peer: Peer) -> None:
    """Begins a reply that never goes on."""
    peer.request()
    peer.send(STREAM_HEAD)
    peer.pause()


def drips(peer: Peer) -> None:
    """A byte now and then."""
    peer.request()
    peer.send(STREAM_HEAD)
    peer.drip(piece("One ") * 50, every_s=0.05)


def stalls(peer: Peer) -> None:
    """Stops in the middle of the answer."""
    peer.request()
    peer.send(STREAM_HEAD + piece("One "))
    peer.pause()


def endless_line(peer: Peer) -> None:
    """A line that never ends."""
    peer.request()
    peer.send(STREAM_HEAD + "data: ")
    while True:
        peer.send("x" * 1000)
        peer.pause(0.005)


def busy(peer: Peer) -> None:
    """Says 503 to whoever asks, and to come back soon."""
    while peer.request():
        peer.send(answer("", status="503 Busy", retry_after="0.05"))


def hangs_up(peer: Peer) -> None:
    """Takes the request and leaves."""
    peer.request()


BAD = (hangs, headers_only, drips, stalls, endless_line, busy, hangs_up)


def ends_in_time(base_url: str, whole: bool) -> None:
    expert = replace(CLOUD, base_url=base_url)
    with EdgeRouter(Config(experts={"cloud": expert}, deadline_s=DEADLINE_S)) as router:
        router.router.route("Hi")  # the encoder is loaded
        started = time.monotonic()
        with pytest.raises(EdgeRouterError):
            router.complete("Why?") if whole else list(router.stream("Why?"))
        assert time.monotonic() - started < DEADLINE_S + LATE_S


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", BAD, ids=lambda script: script.__name__)
def test_a_bad_server_is_left_by_the_deadline(script: Callable[[Peer], None], whole: bool) -> None:
    """Whatever it does."""
    with FaultServer(script) as server:
        ends_in_time(server.url, whole)


def test_nobody_there_is_left_by_the_deadline() -> None:
    """A closed port, and one that takes no connection."""
    ends_in_time(NOWHERE, whole=True)
    with full_backlog() as (host, port):
        ends_in_time(f"http://{host}:{port}/v1", whole=False)
