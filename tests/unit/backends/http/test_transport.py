"""The transport's deadline, kept against servers that misbehave."""

from __future__ import annotations

import contextlib
import math
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_router.backends.deadline import Deadline, TimeLeft
from edge_router.backends.http.transport import DeadlineTransport
from fault_server import FaultServer, Peer, Script, answer, full_backlog

DEADLINE_S = 0.15
ENDED_BY_S = 2.0  # every script below would go on for longer


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextlib.contextmanager
def _client(**options: Any) -> Iterator[httpx.Client]:
    with httpx.Client(transport=DeadlineTransport(**options), timeout=60) as client:
        yield client


@contextlib.contextmanager
def _ends_in_time() -> Iterator[dict[str, Deadline]]:
    start = time.monotonic()
    yield {"deadline": Deadline.after(DEADLINE_S)}
    assert DEADLINE_S * 0.9 <= time.monotonic() - start < ENDED_BY_S


def _silent(peer: Peer) -> None:
    peer.request()
    peer.pause()


def _drips_headers(peer: Peer) -> None:
    peer.request()
    peer.drip(answer("x", x="x" * 1000), every_s=0.03)


def _drips_body(peer: Peer) -> None:
    peer.request()
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    peer.drip("x" * 1000, every_s=0.03)


def _never_stops(peer: Peer) -> None:
    peer.request()
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        peer.send(b"x" * 65536)
        peer.pause(0.001)


@pytest.mark.parametrize("script", [_silent, _drips_headers, _drips_body, _never_stops])
def test_a_slow_server_ends_at_the_deadline(script: Script) -> None:
    """Silence, drips and endless bodies all end at the deadline, not at each chunk's."""
    with (
        FaultServer(script) as server,
        _client() as client,
        _ends_in_time() as extensions,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(server.url, extensions=extensions)


def test_a_server_that_does_not_read_ends_at_the_deadline() -> None:
    """An upload that is not read ends at the deadline."""
    upload = b"x" * (64 << 20)  # made before the clock starts: a busy machine takes its time
    with (
        FaultServer(lambda peer: peer.pause()) as server,
        _client() as client,
        _ends_in_time() as extensions,
        pytest.raises(httpx.WriteTimeout),
    ):
        client.post(server.url, content=upload, extensions=extensions)


def test_a_silent_tls_handshake_ends_at_the_deadline() -> None:
    """A server that accepts and never shakes hands ends at the deadline."""
    with (
        FaultServer(lambda peer: peer.pause()) as server,
        _client() as client,
        _ends_in_time() as extensions,
        pytest.raises(httpx.ConnectTimeout),
    ):
        client.get(server.url.replace("http:", "https:"), extensions=extensions)


def test_a_name_server_that_never_answers_ends_at_the_deadline() -> None:
    """Name resolution counts, although getaddrinfo knows no timeout."""
    released = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        released.wait(30)
        raise socket.gaierror

    with (
        _client(resolve=resolve) as client,
        _ends_in_time() as extensions,
        pytest.raises(httpx.ConnectTimeout, match=r"slow\.example"),
    ):
        client.get("http://slow.example/", extensions=extensions)
    released.set()
    for thread in threading.enumerate():
        if thread.name == "edge-router-dns":
            thread.join(5)


def test_a_name_that_does_not_exist_is_a_connect_error() -> None:
    """The error names the host."""

    def resolve(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    with _client(resolve=resolve) as client, pytest.raises(httpx.ConnectError, match=r"no\.where"):
        client.get("http://no.where/")


def test_a_label_that_idna_cannot_write_is_a_connect_error() -> None:
    """A host name with an endless label is refused like any other unknown host."""
    with _client() as client, pytest.raises(httpx.ConnectError):
        client.get(f"http://{'a' * 70}.example/")


def test_the_next_address_is_tried_when_one_refuses() -> None:
    """A host with a dead and a living address is reached."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = unused.getsockname()

    with FaultServer(_hello) as server:

        def resolve(*_: Any, **__: Any) -> list[Any]:
            return [(2, 1, 6, "", dead), (2, 1, 6, "", ("127.0.0.1", server.port))]

        with _client(resolve=resolve) as client:
            assert client.get("http://two.example/").text == "hello"


_linux = pytest.mark.skipif(sys.platform != "linux", reason="a full backlog hangs only on Linux")


@_linux
def test_a_dead_address_leaves_time_for_the_next() -> None:
    """An address that swallows every packet takes half of the time, not all of it."""
    with FaultServer(_hello) as server, full_backlog() as dead:

        def resolve(*_: Any, **__: Any) -> list[Any]:
            return [(2, 1, 6, "", dead), (2, 1, 6, "", ("127.0.0.1", server.port))]

        with _client(resolve=resolve) as client:
            reply = client.get(
                "http://two.example/", extensions={"deadline": Deadline.after(3 * DEADLINE_S)}
            )
        assert reply.text == "hello"


@_linux
def test_two_dead_addresses_end_at_the_deadline() -> None:
    """The time for connecting is shared by all addresses, not granted to each."""
    with (
        full_backlog() as dead,
        _client(resolve=lambda *_, **__: [(2, 1, 6, "", dead)] * 2) as c,
        _ends_in_time() as extensions,
        pytest.raises(httpx.ConnectTimeout),
    ):
        c.get("http://two.example/", extensions=extensions)


def _hello(peer: Peer) -> None:
    while peer.request():
        peer.send(answer("hello"))


def test_a_connection_is_used_again() -> None:
    """Two requests in a row share one connection."""
    with FaultServer(_hello) as server, _client() as client:
        assert client.get(server.url).text == client.get(server.url).text == "hello"
        assert server.connections == 1


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    """A new request after the server's goodbye opens a new connection."""

    def once(peer: Peer) -> None:
        peer.request()
        peer.send(answer("hello"))

    with FaultServer(once) as server, _client() as client:
        assert client.get(server.url).text == "hello"
        time.sleep(0.05)
        assert client.get(server.url).text == "hello"
        assert server.connections == 2


def test_the_clock_of_one_request_does_not_bind_the_next() -> None:
    """A kept connection follows the deadline of the request that uses it now."""
    with FaultServer(_hello) as server, _client() as client:
        client.get(server.url, extensions={"deadline": Deadline.after(0.1)})
        time.sleep(0.15)
        assert client.get(server.url, extensions={"deadline": Deadline.after(5)}).text == "hello"
        assert client.get(server.url).text == "hello"


def test_the_smaller_of_timeout_and_deadline_wins() -> None:
    """httpx's own timeout still works beside a far deadline."""
    with FaultServer(_silent) as server, _client() as client:
        start = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            client.get(server.url, timeout=0.05, extensions={"deadline": Deadline.after(60)})
        assert time.monotonic() - start < 5


def test_an_endless_deadline_is_allowed() -> None:
    """Infinity is more than a socket takes, and still a time."""
    with FaultServer(_hello) as server, _client() as client:
        reply = client.get(
            server.url, timeout=math.inf, extensions={"deadline": Deadline(math.inf)}
        )
        assert reply.text == "hello"


def test_closing_wakes_a_thread_that_waits() -> None:
    """`close` from another thread ends a request that waits for its server."""
    with FaultServer(_silent) as server:
        transport = DeadlineTransport()
        timer = threading.Timer(0.05, transport.close)
        timer.start()
        request = httpx.Request("GET", server.url, extensions={"deadline": Deadline.after(30)})
        start = time.monotonic()
        with pytest.raises(httpx.TransportError):
            transport.handle_request(request)
        assert time.monotonic() - start < 10
        timer.join()
        transport.close()


def test_a_server_that_hangs_up_is_a_protocol_error() -> None:
    """Errors are httpx's, never httpcore's."""

    def reads_and_leaves(peer: Peer) -> None:
        peer.request()

    with (
        FaultServer(reads_and_leaves) as server,
        _client() as client,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.get(server.url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1, in one file, made for this run."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=loopback"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(path.with_suffix(".crt"))),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


def _server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_https_works(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted certificate is accepted, and the connection kept."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FaultServer(_hello, tls=_server_side(certificate)) as server, _client() as client:
        assert client.get(server.url).text == client.get(server.url).text == "hello"
        assert server.connections == 1


def test_https_drips_end_at_the_deadline(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline holds inside TLS too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        FaultServer(_drips_body, tls=_server_side(certificate)) as server,
        _client() as client,
        _ends_in_time() as extensions,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(server.url, extensions=extensions)


def test_an_unknown_certificate_is_refused(certificate: Path) -> None:
    """Nobody can be impersonated."""
    with (
        FaultServer(_hello, tls=_server_side(certificate)) as server,
        _client() as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get(server.url)


def test_a_budget_never_exceeds_its_deadline() -> None:
    """A limit tightens, lifting it restores the deadline, and nothing extends that."""
    time_left = TimeLeft(Deadline.after(10))
    assert 9 < time_left.remaining() <= 10
    time_left.limit(1)
    assert 0 < time_left.remaining() <= 1
    time_left.limit(100)
    assert 9 < time_left.remaining() <= 10
    time_left.limit(0)
    assert time_left.remaining() == 0
    time_left.lift()
    assert 9 < time_left.remaining() <= 10
