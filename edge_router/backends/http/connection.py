"""A connection whose every wait is bounded by the request that it serves."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore

from ..deadline import TimeLeft

__all__ = ["Flight", "Stream", "as_httpcore", "flying", "in_the_air", "is_ready", "wake_nothing"]

_LONGEST_S = 86_400.0  # longer than any answer, short enough for every platform's poll


class Flight:
    """One request in its thread. `interrupt` ends it from any other, wherever it waits.

    `heard`: a byte of the reply has come. `foreign`: this is a forked child, and the request is
    its parent's.
    """

    __slots__ = ("_interrupted", "_process", "_wake", "heard", "time_left")

    def __init__(self, time_left: TimeLeft) -> None:
        self.time_left = time_left
        self.heard = False
        self._interrupted = False
        self._process = os.getpid()
        self._wake: Callable[[], None] | None = None

    @property
    def interrupted(self) -> bool:
        return self._interrupted

    @property
    def foreign(self) -> bool:
        return self._process != os.getpid()

    def interrupt(self) -> None:
        """End the request: its present wait is woken, and no other begins."""
        self._interrupted = True
        if self._wake is not None:
            self._wake()

    def wait(self, wake: Callable[[], None], timeout: float | None = None) -> float:
        """Seconds that the next wait may take; `wake` ends it early.

        Raises TimeoutError when none are left, and as `check` does.
        """
        self._wake = wake  # before the check: an interruption after that finds it
        self.check()
        left = min(
            self.time_left.patience(), _LONGEST_S if timeout is None else timeout, _LONGEST_S
        )
        if left <= 0:
            raise TimeoutError("no time is left")
        return left

    def check(self) -> None:
        """Raise ConnectionAbortedError if it was ended, or belongs to another process."""
        if self._interrupted:
            raise ConnectionAbortedError("the request was ended on this side")
        if self.foreign:
            raise ConnectionAbortedError("the connection belongs to the process that was forked")


# httpcore gives a network stream only a timeout that was fixed when the request began. The stream
# therefore reads this variable, which is set around every call into httpcore.
_flight: ContextVar[Flight] = ContextVar("edge_router_flight")


@contextlib.contextmanager
def flying(flight: Flight) -> Iterator[None]:
    """While the block runs, `in_the_air` gives this flight."""
    token = _flight.set(flight)
    try:
        yield
    finally:
        _flight.reset(token)


def in_the_air() -> Flight:
    """The flight of the current request."""
    return _flight.get()


@contextlib.contextmanager
def as_httpcore(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    """Raise the system's errors as httpcore's: `timeout` for a timeout, `error` for the rest."""
    try:
        yield
    except TimeoutError as problem:
        raise timeout(str(problem)) from problem
    # ValueError: TLS on a socket that was just closed. OverflowError: a port over 65535.
    except (OSError, ValueError, OverflowError) as problem:
        raise error(str(problem)) from problem


def wake_nothing() -> None:
    """For a wait that polls, and so needs no waking."""


class Stream(httpcore.NetworkStream):
    """A connected socket whose every operation is bounded by the current flight."""

    def __init__(self, sock: socket.socket, adopt: Callable[[socket.socket], Stream]) -> None:
        """`adopt` gives the stream of another socket, as start_tls needs it."""
        self._sock = sock
        self._adopt = adopt
        self._process = os.getpid()
        with contextlib.suppress(OSError):  # already closed by the other side: reading shows it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        flight = in_the_air()
        with as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(flight.wait(self._shut, timeout))
            data = self._sock.recv(max_bytes)
            flight.check()  # a socket that was shut on this side looks like the end of a reply
        flight.time_left.moved()
        flight.heard = flight.heard or bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        flight = in_the_air()
        left = memoryview(buffer)
        with as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            while left:
                self._sock.settimeout(flight.wait(self._shut, timeout))
                left = left[self._sock.send(left) :]
                flight.time_left.moved()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            with as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._sock.settimeout(in_the_air().wait(wake_nothing, timeout))
                sock = ssl_context.wrap_socket(
                    self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
                )
                return self._adopt(sock).shake_hands(sock, timeout)
        except BaseException:
            self._sock.close()
            raise

    def shake_hands(self, sock: ssl.SSLSocket, timeout: float | None) -> Stream:
        """Do the TLS handshake, which can be woken; closes the connection if that fails."""
        flight = in_the_air()
        try:
            sock.settimeout(flight.wait(self._shut, timeout))
            sock.do_handshake()
            flight.check()
        except BaseException:
            self.close()
            raise
        flight.time_left.moved()
        return self

    def close(self) -> None:
        self._shut()  # close() alone does not wake a waiting thread
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
    """Whether an idle connection is readable, i.e. the server has closed it."""
    return sock.fileno() < 0 or is_ready(sock, selectors.EVENT_READ, within_s=0)


def is_ready(sock: socket.socket, what: int, *, within_s: float) -> bool:
    with selectors.DefaultSelector() as selector:  # select.select() fails above descriptor 1023
        selector.register(sock, what)
        return bool(selector.select(timeout=within_s))
