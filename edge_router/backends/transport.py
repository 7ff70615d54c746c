"""An httpx transport that keeps a total deadline.

httpx counts its read timeout anew for every chunk, so a server that sends one byte a second never
times out. Here every single socket operation is capped at what is left of the request's deadline,
which travels in `request.extensions["deadline"]`.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from .base import Deadline, is_loopback

__all__ = ["Budget", "DeadlineTransport", "Resolve"]

Resolve = Callable[..., list[Any]]
"""Called like `socket.getaddrinfo(host, port, type=...)`, and answers like it."""

_LONGEST_S = 86_400.0  # longer than any answer, short enough for every platform's poll
_KEEP_ALIVE_S = 30.0


class Budget:
    """The time a request may still take: never past its deadline, and less while a limit holds.

    For one request in one thread.
    """

    __slots__ = ("_deadline", "_until")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._until = math.inf

    def limit(self, seconds: float) -> None:
        """From now on, allow `seconds`; replaces an earlier limit."""
        self._until = time.monotonic() + seconds

    def lift(self) -> None:
        """Drop the limit; the deadline stays."""
        self._until = math.inf

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, min(self._deadline.at, self._until) - time.monotonic())


# httpcore hands a network stream nothing but a timeout that it fixed when the request began. The
# stream therefore asks this variable, which is set around every call into httpcore.
_clock: ContextVar[Budget | Deadline] = ContextVar("edge_router_request_clock")


@contextlib.contextmanager
def _under(clock: Budget | Deadline) -> Iterator[None]:
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)


def _allowed(timeout: float | None) -> float:
    """Seconds that the next socket operation may take. Raises TimeoutError when none are left."""
    left = _clock.get().remaining()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return min(left, _LONGEST_S if timeout is None else timeout, _LONGEST_S)


class DeadlineTransport(httpx.BaseTransport):
    """HTTP/1.1 with keep-alive, TLS and the environment's proxies, on a deadline.

    Raises httpx's transport errors and nothing else. Loopback never goes through a proxy. Only
    http:// proxies are supported. Safe to use from several threads; `close` wakes threads that
    wait for a server. `resolve` finds addresses; it may block, the deadline is kept all the same.
    """

    def __init__(self, *, resolve: Resolve = socket.getaddrinfo) -> None:
        self._network = _Network(resolve)
        self._pools: dict[tuple[str, str | None], httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the body of the response is read as it is iterated."""
        clock = request.extensions.get("deadline", Deadline(math.inf))
        pool = self._pool_for(request.url)
        with _as_httpx(), _under(clock):
            response = pool.handle_request(_as_httpcore(request))
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, clock),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close every connection, also those in use."""
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def _pool_for(self, url: httpx.URL) -> httpcore.ConnectionPool:
        proxy = _proxy_for(url)  # asked each time: a laptop changes networks
        with self._lock:
            if (url.scheme, proxy) not in self._pools:
                self._pools[url.scheme, proxy] = httpcore.ConnectionPool(
                    # It reads all the trusted certificates, so only where there is a need.
                    httpx.create_ssl_context() if url.scheme == "https" else None,
                    proxy=None if proxy is None else _proxy(proxy),
                    max_connections=None,
                    keepalive_expiry=_KEEP_ALIVE_S,
                    network_backend=self._network,
                )
            return self._pools[url.scheme, proxy]


class _Body(httpx.SyncByteStream):
    """The bytes of a response, each wait for them under the request's clock."""

    def __init__(self, response: httpcore.Response, clock: Budget | Deadline) -> None:
        self._response = response
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        chunks = self._response.iter_stream()
        while True:
            with _as_httpx(), _under(self._clock):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        with _as_httpx():
            self._response.close()


def _as_httpcore(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


_HTTPCORE_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except _HTTPCORE_ERRORS as error:
        same_name: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise same_name(str(error)) from error


def _proxy_for(url: httpx.URL) -> str | None:
    """The environment's proxy for `url`, if any, as a URL."""
    if is_loopback(url.host):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
        return None
    return found if "://" in found else f"http://{found}"


def _proxy(address: str) -> httpcore.Proxy:
    """Where the proxy is and how to log in. Never shows the address: it may hold a password."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        raise httpx.UnsupportedProtocol("the proxy in the environment is not a URL") from None
    if url.scheme != "http" or not url.host:
        raise httpx.UnsupportedProtocol(
            f"the environment names a {url.scheme}:// proxy; only http:// proxies are supported "
            "(set HTTPS_PROXY, or NO_PROXY for this host)"
        )
    return httpcore.Proxy(
        httpcore.URL(scheme=b"http", host=url.raw_host, port=url.port, target=b"/"),
        auth=(url.username, url.password) if url.username else None,
    )


@contextlib.contextmanager
def _as_httpcore_errors(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise timeout(str(problem)) from problem
    except (OSError, ValueError) as problem:  # ValueError: TLS on a socket that was just closed
        raise error(str(problem)) from problem


class _Network(httpcore.NetworkBackend):
    """Opens connections within what the clock allows, name resolution included."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        del local_address, socket_options  # for pools that set them; ours do not
        with _as_httpcore_errors(httpcore.ConnectTimeout, httpcore.ConnectError):
            until = Deadline.after(_allowed(timeout))
            addresses = _addresses(host, port, resolve=self._resolve, within_s=until.remaining())
            return _Stream(_connect(addresses, until=until))


def _addresses(host: str, port: int, *, resolve: Resolve, within_s: float) -> list[tuple[str, int]]:
    """Resolve in a thread of its own: getaddrinfo knows no timeout and can hang for a minute.

    A thread that hangs is left to end by itself; it is a daemon and holds nothing.
    """
    answers: list[list[Any] | Exception] = []

    def ask() -> None:
        try:
            answers.append(resolve(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that IDNA cannot write
            answers.append(error)

    thread = threading.Thread(target=ask, name="edge-router-dns", daemon=True)
    thread.start()
    thread.join(within_s)
    if not answers:
        raise TimeoutError(f"the address of {host} was not found in time")
    if isinstance(answers[0], Exception):
        raise OSError(f"the address of {host} was not found ({answers[0]})")
    return [info[4][:2] for info in answers[0]]


def _connect(addresses: list[tuple[str, int]], *, until: Deadline) -> socket.socket:
    """Connect to the first address that answers.

    Each address but the last gets half of the time left, so that one dead address (IPv6 without a
    route) leaves time for the next.
    """
    problem: OSError = OSError("the host has no address")
    for tried, address in enumerate(addresses, start=1):
        left = until.remaining()
        if left <= 0:
            raise TimeoutError("the connection was not made in time")
        try:
            return socket.create_connection(address, left if tried == len(addresses) else left / 2)
        except OSError as error:
            problem = error
    raise problem


class _Stream(httpcore.NetworkStream):
    """A connected socket whose every operation is capped by the clock of the current request."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        with contextlib.suppress(OSError):  # closed by the other side meanwhile: reading tells
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _as_httpcore_errors(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(_allowed(timeout))
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = memoryview(buffer)
        with _as_httpcore_errors(httpcore.WriteTimeout, httpcore.WriteError):
            while left:
                self._sock.settimeout(_allowed(timeout))
                left = left[self._sock.send(left) :]

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            with _as_httpcore_errors(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._sock.settimeout(_allowed(timeout))
                return _Stream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname))
        except BaseException:
            self._sock.close()
            raise

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # close() alone leaves a waiting thread waiting
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        # Asked about an idle connection, before it is used again. The rest is for HTTP/2.
        return _is_readable(self._sock) if info == "is_readable" else None


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say, which can only be goodbye."""
    if sock.fileno() < 0:
        return True
    with selectors.DefaultSelector() as selector:  # select.select() fails above descriptor 1023
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))
