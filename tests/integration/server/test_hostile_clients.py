"""Clients that mean no good: each is refused in time, and the server goes on."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from edge_router.server.limits import Limits
from edge_router.testing import FakeBackend
from serving import Served, fakes, serving

LIMITS = Limits(head_s=0.5, body_s=0.5, write_s=0.5, body_bytes=1 << 20, connections=40)
HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = b'{"model": "local", "messages": [{"role": "user", "content": "Why?"}]}'
WHOLE = HEAD.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with small limits; `local` answers at once, `cloud` with much text."""
    with serving(fakes(cloud=FakeBackend("word " * 20_000)), limits=LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def _still_alive(served: Served) -> Iterator[None]:
    yield
    assert served.chat(model="local").status_code == 200


def connected(served: Served, *parts: bytes) -> socket.socket:
    """A connection on which `parts` have been sent."""
    sock = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    for part in parts:
        sock.sendall(part)
    return sock


def said(sock: socket.socket) -> bytes:
    """All that the server says until it closes the connection."""
    pieces = []
    try:
        while piece := sock.recv(65_536):
            pieces.append(piece)
    except ConnectionError:
        pass
    finally:
        sock.close()
    return b"".join(pieces)


def test_a_silent_connection_is_closed(served: Served) -> None:
    """Within the time for a head."""
    assert said(connected(served)) == b""


def test_a_head_that_drips_is_cut_off(served: Served) -> None:
    """The time is counted from its first byte, however busy the client is."""
    sock = connected(served, b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    dripped = 0
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            sock.sendall(b"X-A: b\r\n")
            dripped += 1
            time.sleep(0.05)
    sock.close()
    assert dripped < 200


def test_the_next_head_on_a_connection_may_not_drip_either(served: Served) -> None:
    """A first request that was good is no licence."""
    sock = connected(served, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    first = HTTPResponse(sock)
    first.begin()
    assert (first.status, bool(first.read())) == (200, True)
    sock.sendall(b"GET /healthz HTT")
    assert said(sock) == b""


def test_a_body_that_drips_is_refused(served: Served) -> None:
    """408, and the connection is closed."""
    sock = connected(served, HEAD.encode(), b"Content-Length: 5000\r\n\r\n{")
    reply = said(sock)
    assert b"408 " in reply
    assert b"connection: close" in reply.lower()


@pytest.mark.parametrize("framing", [b"Content-Length: 104857600", b"Transfer-Encoding: chunked"])
def test_a_body_of_100_megabytes_is_refused(served: Served, framing: bytes) -> None:
    """By what it says of itself, or once it is too long."""
    sock = connected(served, HEAD.encode(), framing, b"\r\n\r\n")
    piece = b"x" * 65_536
    chunk = piece if b"Length" in framing else b"10000\r\n" + piece + b"\r\n"
    sent = 0
    try:
        while sent < 100 << 20:
            sock.sendall(chunk)
            sent += len(piece)
    except OSError:
        pass
    assert b"413 " in said(sock) or sent < 8 << 20
    assert sent < 40 << 20


def test_a_head_of_a_megabyte_is_refused(served: Served) -> None:
    """400 before it has all arrived."""
    sock = connected(served, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
    try:
        for _ in range(64):
            sock.sendall(b"x" * 16_384)
    except OSError:
        pass
    reply = said(sock)
    assert reply == b"" or b"400 " in reply


@pytest.mark.parametrize(
    "head",
    [b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"x" * 40_000 + b"\r\n\r\n",
     b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
     b"GET /?" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
)  # fmt: skip
def test_a_long_head_that_comes_at_once_is_refused_too(served: Served, head: bytes) -> None:
    """431, although nothing of it was waited for."""
    sock = connected(served, head)
    assert sock.recv(65_536).startswith(b"HTTP/1.1 431 ")
    sock.close()


def test_a_body_with_two_ends_is_refused(served: Served) -> None:
    """By its length or by its chunks: a proxy may take the other one for its end."""
    framing = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(BODY)
    reply = said(connected(served, HEAD.encode() + framing + BODY))
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"not both" in reply


@pytest.mark.parametrize(
    "head", ["GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n", HEAD, "GET / x\r\n"]
)
def test_what_is_no_http_gets_an_error_object(
    served: Served, head: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As every refusal has one; and nothing is logged with a traceback."""
    reply = said(connected(served, head.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"))
    head_of_it, _, content = reply.partition(b"\r\n\r\n")
    assert head_of_it.startswith(b"HTTP/1.1 400 ")
    assert json.loads(content)["error"]["code"] == "invalid_http"
    assert not caplog.records


GET, POST = b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    "head",
    [b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", GET + b"\r\n",
     GET + b"Host: a\r\nHost: b\r\n\r\n", POST + b"Content-Length: -1\r\n\r\n",
     POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
     b"CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_gets_no_answer(served: Served, head: bytes) -> None:
    """4xx or a closed connection."""
    sock = connected(served, head)
    sock.settimeout(5)
    reply = sock.recv(65_536)
    sock.close()
    assert reply == b"" or reply.startswith(b"HTTP/1.1 4")


def test_pipelined_requests_are_refused(served: Served) -> None:
    """The first one is answered, then the connection is closed."""
    reply = said(connected(served, WHOLE + WHOLE + WHOLE))
    assert reply.count(b"HTTP/1.1 200 OK") == 1


def test_a_reader_that_does_not_read_is_cut_off(served: Served) -> None:
    """Its answer does not wait for ever, and its place is free again."""
    body = BODY.replace(b'"local"', b'"cloud", "stream": true, "max_tokens": 9999999')
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", served.port))
    sock.sendall(HEAD.encode() + length + body)
    metrics = f"{served.root}/metrics"
    end = time.monotonic() + 30
    time.sleep(0.5)
    while "edge_router_running 0" not in served.http.get(metrics).text:
        assert time.monotonic() < end, "the answer waits for its reader"
        time.sleep(0.1)
    sock.close()


def test_too_many_connections_are_closed(served: Served) -> None:
    """Those beyond the limit, at once; a good client comes in when they are gone."""
    socks = [connected(served) for _ in range(LIMITS.connections + 20)]
    time.sleep(0.1)
    closed = 0
    for sock in socks:
        sock.settimeout(0.01)
        try:
            closed += sock.recv(1) == b""
        except ConnectionError:
            closed += 1
        except TimeoutError:
            pass
        sock.close()
    assert closed >= 20


def test_many_large_bodies_at_once_do_not_fill_the_memory() -> None:
    """Together they have a budget; those beyond it get 429."""
    limits = Limits(body_bytes=1 << 20, bodies_bytes=1 << 20, body_s=2.0)
    with serving(fakes(), limits=limits) as running:
        replies: list[bytes] = []
        length = b"Content-Length: %d\r\n\r\n" % (1 << 20)

        def send() -> None:
            replies.append(said(connected(running, HEAD.encode(), length, b"x" * 700_000)))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(b"429 " in reply for reply in replies) >= 2, replies
        assert running.chat().status_code == 200
