"""An httpx transport that keeps a total deadline.

httpx counts its read timeout anew for every chunk, so a server that sends one byte a second never
times out. Here every single socket operation is capped at what is left of the request's deadline,
which travels in `request.extensions["deadline"]`; cancelling it ends the request from any thread.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import httpcore
import httpx

from edge_router.guards.forking import renew_after_fork
from edge_router.guards.loopback import is_loopback

from ..deadline import Deadline, TimeLeft
from .certificates import trusting_context
from .connection import Flight, flying
from .network import Network, Resolve
from .proxies import login_of, proxy_for

__all__ = ["DeadlineTransport"]

_KEEP_ALIVE_S: Final = 30.0


class DeadlineTransport(httpx.BaseTransport):
    """HTTP/1.1 with keep-alive, TLS and the environment's proxies, on a deadline.

    Raises httpx's transport errors and nothing else. Loopback never goes through a proxy. Only
    http:// proxies are supported. Safe to use from several threads; `close` ends their requests,
    and so does cancelling the deadline of one. A forked child opens its own connections. A kept
    connection that turns out to be dead before a byte of the reply is replaced once by a new one.
    `resolve` finds addresses; it may block, the deadline is kept all the same.
    """

    def __init__(self, *, resolve: Resolve = socket.getaddrinfo) -> None:
        self._network = Network(resolve)
        self._closed = False
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Start without the parent's connections and requests."""
        self._lock = threading.RLock()  # a signal handler may close in the middle of anything
        self._dials: dict[_Route, httpcore.ConnectionPool] = {}
        self._idle: dict[_Place, list[_Line]] = {}
        self._flights: set[Flight] = set()
        self._network.after_fork()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the body of the response is read as it is iterated."""
        flight = Flight(_time_left(request))
        landing = ExitStack()
        try:
            landing.enter_context(self._in_the_air(flight))
            with _as_httpx(), flying(flight):
                line, response = self._send(request, flight)
        except BaseException:
            landing.close()
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, flight, landing, partial(self._put_back, line)),
            extensions={
                name: value
                for name, value in response.extensions.items()
                if name != "network_stream"
            },
        )

    def close(self) -> None:
        """Close every connection and end every request, for good. Returns at once."""
        with self._lock:
            self._closed = True
            idle = [line for lines in self._idle.values() for line in lines]
            self._idle.clear()
            for flight in self._flights:
                flight.interrupt()
        for line in idle:
            line.connection.close()

    @contextlib.contextmanager
    def _in_the_air(self, flight: Flight) -> Iterator[None]:
        """While the block runs, `close` and the deadline's `cancel` interrupt the flight."""
        with self._lock:
            if self._closed:
                raise httpx.ConnectError("the transport is closed")
            self._flights.add(flight)
        try:
            with flight.time_left.waking(flight.interrupt):
                yield
        finally:
            with self._lock:
                self._flights.discard(flight)

    def _send(self, request: httpx.Request, flight: Flight) -> tuple[_Line, httpcore.Response]:
        place = _place(request)
        line = self._idle_line(place)
        if line is not None:
            try:
                return line, line.send(request)
            except _BROKEN:
                if flight.heard or flight.interrupted or not _can_repeat(request):
                    raise
        line = self._new_line(place, _as_httpcore(request).url.origin)
        return line, line.send(request)

    def _idle_line(self, place: _Place) -> _Line | None:
        """The idle connection used last that is still alive; the dead ones are closed."""
        with self._lock:
            lines = self._idle.pop(place, [])
            dead = [line for line in lines if line.connection.has_expired()]
            living = [line for line in lines if line not in dead]
            line = living.pop() if living else None
            if living:
                self._idle[place] = living
        for one in dead:
            one.connection.close()
        return line

    def _new_line(self, place: _Place, origin: httpcore.Origin) -> _Line:
        with self._lock:
            dial = self._dials.get(place.route)
        if dial is None:
            dial = _dial(place.route, self._network)
            with self._lock:
                self._dials[place.route] = dial
        return _Line(dial.create_connection(origin), place)

    def _put_back(self, line: _Line) -> None:
        """Keep the connection for the next request if it can serve one."""
        with self._lock:
            if line.connection.is_idle() and not self._closed:
                self._idle.setdefault(line.place, []).append(line)
                return
        line.connection.close()


class _Route(NamedTuple):
    scheme: str
    proxy: str | None


class _Place(NamedTuple):
    """The host of a request, and the route to it."""

    route: _Route
    host: str
    port: int | None


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A connection and its place; one request uses it at a time."""

    connection: httpcore.ConnectionInterface
    place: _Place

    def send(self, request: httpx.Request) -> httpcore.Response:
        """The response, its body unread. Closes the connection when that fails."""
        try:
            return self.connection.handle_request(_as_httpcore(request))
        except BaseException:
            self.connection.close()
            raise


def _place(request: httpx.Request) -> _Place:
    url = request.url
    # The environment is read each time, since a laptop changes networks; not for this machine.
    proxy = None if is_loopback(url.host) else proxy_for(url)
    return _Place(_Route(url.scheme, proxy), url.host, url.port)


def _dial(route: _Route, network: Network) -> httpcore.ConnectionPool:
    """A maker of connections by this route. It pools none: httpcore's pool is not fork-safe."""
    return httpcore.ConnectionPool(
        # It reads all the trusted certificates, so only where there is a need.
        trusting_context() if route.scheme == "https" else None,
        proxy=None if route.proxy is None else login_of(route.proxy),
        keepalive_expiry=_KEEP_ALIVE_S,
        network_backend=network,
    )


def _time_left(request: httpx.Request) -> TimeLeft:
    clock = request.extensions.get("deadline", Deadline(math.inf))
    return clock if isinstance(clock, TimeLeft) else TimeLeft(clock)


def _can_repeat(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)


class _Body(httpx.SyncByteStream):
    """The bytes of a response, each wait for them bounded by its flight."""

    def __init__(
        self,
        response: httpcore.Response,
        flight: Flight,
        landing: ExitStack,
        put_back: Callable[[], None],
    ) -> None:
        self._response = response
        self._flight = flight
        self._landing = landing
        self._put_back = put_back
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        chunks = self._response.iter_stream()
        while True:
            self._flight.time_left.moved()  # the caller's time is not the server's silence
            with _as_httpx(), flying(self._flight):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        if self._closed or self._flight.foreign:  # in a forked child it is the parent's
            return
        self._closed = True
        self._landing.close()  # before another request can get this connection
        with _as_httpx():
            self._response.close()
        self._put_back()


def _as_httpcore(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


_BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
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
