"""Connect to a host: name resolution and addresses, within the time of the current request."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

import httpcore

from edge_router.guards.loopback import is_loopback

from .connection import Flight, Stream, as_httpcore, in_the_air, is_ready, wake_nothing

__all__ = ["Network", "Resolve"]

Resolve = Callable[..., list[Any]]
"""Called like `socket.getaddrinfo(host, port, type=...)`, and answers like it."""

Address = tuple[int, Any]
"""An address family and what a socket of that family connects to."""

_GLANCE_S = 0.025  # a connection that is being made cannot be woken on every platform


class Network(httpcore.NetworkBackend):
    """Opens connections within the flight's time, name resolution included."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._streams: WeakSet[Stream] = WeakSet()

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
        with as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            until = time.monotonic() + flight.wait(wake_nothing, timeout)
            addresses = _addresses(host, port, resolve=self._resolve, flight=flight, until=until)
            return self.adopt(_connect(addresses, flight=flight, until=until))

    def adopt(self, sock: socket.socket) -> Stream:
        """The stream of a connected socket."""
        stream = Stream(sock, self.adopt)
        self._streams.add(stream)
        return stream

    def after_fork(self) -> None:
        """Close this process's descriptors of the parent's connections; those stay open."""
        streams, self._streams = list(self._streams), WeakSet()
        for stream in streams:
            stream.let_go()


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
    """The addresses of this machine, without a name server, which may be wrong."""
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
        while not is_ready(sock, selectors.EVENT_WRITE, within_s=_GLANCE_S):
            flight.check()
            if time.monotonic() >= until:
                raise TimeoutError("the connection was not made in time")
        if problem := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(problem, os.strerror(problem))
    except BaseException:
        sock.close()
        raise
    return sock
