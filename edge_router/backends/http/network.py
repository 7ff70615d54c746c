"""Connections for httpcore, each of whose waits is bounded by the current flight."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from weakref import WeakSet

import httpcore

from edge_router.guards.loopback import is_loopback

from .flight import Flight, in_the_air

__all__ = ["Network", "Resolve"]

Resolve = Callable[..., list[Any]]
"""Called like `socket.getaddrinfo(host, port, type=...)`, and answers like it."""

Address = tuple[int, Any]
"""An address family and what a socket of that family connects to."""

_GLANCE_S = 0.025  # a connection that is being made cannot be woken on every platform


@contextlib.contextmanager
def _as_httpcore(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise timeout(str(problem)) from problem
    # ValueError: TLS on a socket that was just closed. OverflowError: a port over 65535.
    except (OSError, ValueError, OverflowError) as problem:
        raise error(str(problem)) from problem


class Network(httpcore.NetworkBackend):
    """Opens connections within what the flight allows, name resolution included."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._streams: WeakSet[_Stream] = WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        del local_address, socket_options  # for pools that set them; ours do not
        flight = in_the_air()
        with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            until = time.monotonic() + flight.wait(_nothing, timeout)
            addresses = _addresses(host, port, resolve=self._resolve, flight=flight, until=until)
            return self.adopt(_connect(addresses, flight=flight, until=until))

    def adopt(self, sock: socket.socket) -> _Stream:
        """The stream of a connected socket."""
        stream = _Stream(sock, self)
        self._streams.add(stream)
        return stream

    def after_fork(self) -> None:
        """Close this process's descriptors of the parent's connections, and say nothing there."""
        streams, self._streams = list(self._streams), WeakSet()
        for stream in streams:
            stream.let_go()


def _nothing() -> None:
    """Wakes a wait that looks around by itself."""


def _addresses(
    host: str, port: int, *, resolve: Resolve, flight: Flight, until: float
) -> list[Address]:
    """Resolve in a thread of its own: getaddrinfo knows no timeout and can hang for a minute.

    A thread that hangs is left to end by itself; it is a daemon and holds nothing.
    """
    if is_loopback(host):
        return _loopback(host, port)
    answers: list[list[Any] | Exception] = []
    answered = threading.Event()

    def ask() -> None:
        try:
            answers.append(resolve(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError, OverflowError) as error:  # UnicodeError: not for IDNA
            answers.append(error)
        answered.set()

    try:
        threading.Thread(target=ask, name="edge-router-dns", daemon=True).start()
    except RuntimeError as error:  # no more threads, or the interpreter ends
        raise OSError(f"the address of {host} was not looked for ({error})") from None
    answered.wait(flight.wait(answered.set, until - time.monotonic()))
    flight.check()
    if not answers:
        raise TimeoutError(f"the address of {host} was not found in time")
    if isinstance(answers[0], Exception):
        raise OSError(f"the address of {host} was not found ({answers[0]})")
    return [(info[0], info[4]) for info in answers[0]]


def _loopback(host: str, port: int) -> list[Address]:
    """Where this machine itself is, without asking a name server, which may lie."""
    if ":" in host:
        return [(socket.AF_INET6, (host, port))]
    if not host.replace(".", "").isdigit():
        return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port))]
    return [(socket.AF_INET, (host, port))]


def _connect(addresses: list[Address], *, flight: Flight, until: float) -> socket.socket:
    """Connect to the first address that answers.

    Each address but the last gets half of the time left, so that one dead address (IPv6 without a
    route) leaves time for the next.
    """
    problem: OSError = OSError("the host has no address")
    for tried, (family, address) in enumerate(addresses, start=1):
        flight.check()
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the connection was not made in time")
        until_here = until if tried == len(addresses) else until - left / 2
        try:
            return _connected(family, address, flight=flight, until=until_here)
        except OSError as error:
            problem = error
    flight.check()
    raise problem


def _connected(family: int, address: Any, *, flight: Flight, until: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # it is on its way
            sock.connect(address)
        while not _is_ready(sock, selectors.EVENT_WRITE, within_s=_GLANCE_S):
            flight.check()
            if time.monotonic() >= until:
                raise TimeoutError("the connection was not made in time")
        if problem := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(problem, os.strerror(problem))
    except BaseException:
        sock.close()
        raise
    return sock


class _Stream(httpcore.NetworkStream):
    """A connected socket whose every operation is bounded by the current flight."""

    def __init__(self, sock: socket.socket, network: Network) -> None:
        self._sock = sock
        self._network = network
        self._process = os.getpid()
        with contextlib.suppress(OSError):  # closed by the other side meanwhile: reading tells
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        flight = in_the_air()
        with _as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(flight.wait(self._shut, timeout))
            data = self._sock.recv(max_bytes)
            flight.check()  # a socket that was shut on this side looks like the end of a reply
        flight.budget.moved()
        flight.heard = flight.heard or bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        flight = in_the_air()
        left = memoryview(buffer)
        with _as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            while left:
                self._sock.settimeout(flight.wait(self._shut, timeout))
                left = left[self._sock.send(left) :]
                flight.budget.moved()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._sock.settimeout(in_the_air().wait(_nothing, timeout))
                sock = ssl_context.wrap_socket(
                    self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
                )
                return self._network.adopt(sock).shake_hands(sock, timeout)
        except BaseException:
            self._sock.close()
            raise

    def shake_hands(self, sock: ssl.SSLSocket, timeout: float | None) -> _Stream:
        """Agree on the keys, where it can be woken; closes the connection when that fails."""
        flight = in_the_air()
        try:
            sock.settimeout(flight.wait(self._shut, timeout))
            sock.do_handshake()
            flight.check()
        except BaseException:
            self.close()
            raise
        flight.budget.moved()
        return self

    def close(self) -> None:
        self._shut()  # close() alone leaves a waiting thread waiting
        self._sock.close()

    def let_go(self) -> None:
        """Close the descriptor only: the connection itself is another process's."""
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        # Asked about an idle connection, before it is used again. The rest is for HTTP/2.
        return _is_readable(self._sock) if info == "is_readable" else None

    def _shut(self) -> None:
        if self._process == os.getpid():  # in a forked child it would end the parent's connection
            with contextlib.suppress(OSError):
                # TLS's own `shutdown` would let the waiting thread go on without encryption.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say, which can only be goodbye."""
    return sock.fileno() < 0 or _is_ready(sock, selectors.EVENT_READ, within_s=0)


def _is_ready(sock: socket.socket, what: int, *, within_s: float) -> bool:
    with selectors.DefaultSelector() as selector:  # select.select() fails above descriptor 1023
        selector.register(sock, what)
        return bool(selector.select(timeout=within_s))
