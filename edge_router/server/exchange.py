"""One request and its reply over ASGI: a body within bounds, JSON or a stream, a client that goes.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from .access import Headers
from .api_key import SERVE
from .limits import BodyBudget, Limits
from .wire.errors import Refused, error_object
from .wire.events import json_bytes

__all__ = ["App", "Exchange", "Gone", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON, EVENTS, PLAIN = "application/json", "text/event-stream", "text/plain; charset=utf-8"
CLOSE = {"connection": "close"}
NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Gone(Exception):
    """The client has left."""


class Exchange:
    """A request whose reply is sent once, whole or in pieces. `extra` goes into every reply's
    headers; `status` is None before there is a reply; `caller` is whose key was sent. `peer` and
    `own` are the addresses of the client and of the server, "" where unknown."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, limits: Limits, budget: BodyBudget
    ) -> None:
        self.headers: Headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        self.extra: Mapping[str, str] = {}
        self.caller = SERVE
        self.peer, self.own = (str((scope.get(one) or ("",))[0]) for one in ("client", "server"))
        self.status: int | None = None
        self.ended = False
        length = self.header("content-length")
        self._is_unread = length not in ("", "0") or self.header("transfer-encoding") != ""
        self._limits = limits
        self._budget = budget
        self._receive = receive
        self._send = send

    def require_short_head(self, target: bytes) -> None:
        """Raise Refused for a head that is longer than the limit; uvicorn measures only one that
        comes in several pieces."""
        size = len(target) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.head_bytes:
            words = f"the head of the request is longer than {self._limits.head_bytes:,} bytes"
            raise Refused(431, words, code="request_too_large")

    def header(self, name: str) -> str:
        """The only value of a header, "" for none; several are told as one list."""
        return ",".join(value for one, value in self.headers if one == name)

    async def body(self) -> bytes:
        """The JSON body, as bytes. Raises Refused where it is none, too long or too slow."""
        if self.header("content-type").partition(";")[0].strip().lower() != JSON:
            words = "the content type must be application/json"
            raise Refused(415, words, code="unsupported_media_type")
        if self.header("content-encoding").lower() not in ("", "identity"):
            raise Refused(415, "the body must not be compressed", code="unsupported_media_type")
        length = self.header("content-length")
        if length and self.header("transfer-encoding"):  # a proxy may see another end of it
            words = "a body has a Content-Length or a Transfer-Encoding, not both"
            raise Refused(400, words, code="invalid_http")
        if length.isdigit() and int(length[:20]) > self._limits.body_bytes:
            raise self._too_long()
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await self._read()
        except TimeoutError:
            words = f"the body did not arrive within {self._limits.body_s:g} s"
            raise Refused(408, words, code="too_slow") from None

    async def _read(self) -> bytes:
        content, taken = bytearray(), 0
        try:
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                piece = message.get("body", b"")
                if len(content) + len(piece) > self._limits.body_bytes:
                    raise self._too_long()
                self._budget.take(len(piece))
                taken += len(piece)
                content += piece
                if not message.get("more_body", False):
                    self._is_unread = False
                    return bytes(content)
        finally:
            self._budget.give_back(taken)

    def _too_long(self) -> Refused:
        words = f"the body is longer than {self._limits.body_bytes:,} bytes"
        return Refused(413, words, code="request_too_large")

    async def gone(self) -> None:
        """Return when the client has left; the body must have been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def send_json(
        self, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole reply."""
        await self._whole(json_bytes(value), JSON, status, headers or {})

    async def send_written(self, content: bytes) -> None:
        """A whole reply that is JSON already."""
        await self._whole(content, JSON, 200, {})

    async def send_text(self, text: str, *, status: int = 200) -> None:
        """A whole reply for people, or for Prometheus."""
        await self._whole(text.encode(), PLAIN, status, {})

    async def send_nothing(self, headers: Mapping[str, str]) -> None:
        """A reply without a body."""
        await self._begin(204, headers)
        await self._put(b"", more=False)

    async def refuse(self, refused: Refused) -> None:
        """The error as the reply."""
        await self.send_json(error_object(refused), status=refused.status, headers=refused.headers)

    async def begin_events(self, headers: Mapping[str, str]) -> None:
        """The head of a reply that is sent in events."""
        await self._begin(200, {"content-type": EVENTS, "x-accel-buffering": "no", **headers})

    async def send_events(self, events: Iterable[bytes]) -> None:
        """Some events, if there are any."""
        if piece := b"".join(events):
            await self._put(piece, more=True)

    async def end_events(self) -> None:
        """The end of the reply."""
        await self._put(b"", more=False)

    async def _whole(
        self, content: bytes, kind: str, status: int, headers: Mapping[str, str]
    ) -> None:
        length = {"content-type": kind, "content-length": str(len(content))}
        await self._begin(status, length | dict(headers))
        await self._put(content, more=False)

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        closing = CLOSE if self._is_unread else {}  # the rest of the body is not waited for
        fields = {**NO_STORE, **closing, **self.extra, **headers}
        pairs = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def _put(self, content: bytes, *, more: bool) -> None:
        self.ended = not more
        await self._send({"type": "http.response.body", "body": content, "more_body": more})
