"""Connections that cannot hold the server up: slow heads, readers that do not read, pipelining.

uvicorn bounds neither the time in which the head of a request must arrive nor that in which a
client must take what is sent to it; this adds both, and a most number of connections.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .limits import Limits
from .wire.errors import Refused, error_object
from .wire.events import json_bytes

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Leaving", "guarded_protocol"]


@runtime_checkable
class Leaving(Protocol):
    """A connection that a server which stops may `leave`."""

    def leave(self) -> None: ...


def guarded_protocol(limits: Limits) -> type[H11Protocol]:
    """uvicorn's protocol within `limits`. Needs the extra `serve`."""
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    refused = json_bytes(error_object(Refused(400, "this is no valid HTTP", code="invalid_http")))
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(refused)),
        (b"connection", b"close"),
    ]

    class GuardedProtocol(H11Protocol):
        """One connection."""

        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
            else:
                self._expect_head()

        def data_received(self, data: bytes) -> None:
            self._expect_head()
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                _stop(self._head)
                self._head = None
            if self._is_pipelined():
                self.cycle.keep_alive = False  # the first request is answered, no other one

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are ours
            """Refuse bytes that are no HTTP as every other request is refused. Where a reply has
            begun there is no room for another one."""
            if self.cycle is not None:
                self.cycle.disconnected = True  # what it has to say is not sent behind this
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                head = h11.Response(status_code=400, headers=fields, reason=b"Bad Request")
                for event in (head, h11.Data(data=refused), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader = self.loop.call_later(limits.write_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            _stop(self._reader)
            self._reader = None

        def connection_lost(self, exc: Exception | None) -> None:
            _stop(self._head)
            _stop(self._reader)
            super().connection_lost(exc)

        def leave(self) -> None:
            """Close the connection if the body of its request has not all arrived: nothing is
            answered yet, and a server that stops does not wait for it."""
            if self.cycle is not None and self.cycle.more_body and not self.cycle.response_started:
                self.transport.abort()

        def _expect_head(self) -> None:
            """Close the connection if the head of the next request does not arrive in time,
            counted from its first byte."""
            if self._head is None and self.conn.their_state is h11.IDLE:
                self._head = self.loop.call_later(limits.head_s, self.transport.abort)

        def _is_pipelined(self) -> bool:
            """Whether there is more after a request that is not answered yet."""
            under_way = self.cycle is not None and not self.cycle.response_complete
            return (
                under_way and self.conn.their_state is h11.DONE and bool(self.conn.trailing_data[0])
            )

    return GuardedProtocol


def _stop(timer: asyncio.TimerHandle | None) -> None:
    """Cancel a timer, if there is one."""
    if timer is not None:
        timer.cancel()
