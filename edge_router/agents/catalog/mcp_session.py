"""A session with an MCP server, whatever carries its messages: the handshake, the list of tools.

Model Context Protocol over JSON-RPC 2.0. What a server says is bounded here and by its channel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any, Protocol

from edge_router.backends.deadline import Deadline
from edge_router.errors import InvalidAgent
from edge_router.guards.json_lines import BadJson, json_value

__all__ = ["LATE", "LIMIT_S", "MAX_BYTES", "Channel", "Message", "Messages", "Session", "read_json"]

LIMIT_S = 20.0  # for everything together
MAX_BYTES = 1 << 24  # of everything that a server writes
MAX_CURSOR = 4096  # characters; a longer one might not fit the pipe of a server that never reads
MAX_PAGES = 100
MAX_TOOLS = 10_000
MAX_ANSWERED = 50  # requests of the server; more might not fit its pipe either
METHOD_NOT_FOUND = -32601
PROTOCOL = "2025-06-18"
KNOWN_VERSIONS = ("2024-11-05", "2025-03-26", PROTOCOL, "2025-11-25")  # those with a handshake
LATE = "does not answer in time"

Message = Mapping[str, Any]
Messages = Generator[Message, None, None]


class Channel(Protocol):
    """Carries messages to one server and back. Raises InvalidAgent for a server that fails."""

    def ask(self, request: Message) -> Messages:
        """Send a request; gives the messages that come then, its answer among them."""

    def tell(self, message: Message) -> None:
        """Send what gets no answer."""

    def agree(self, version: str) -> None:
        """Note the version of the protocol that both sides speak from now on."""

    def quoted(self, value: Any) -> str:
        """What the server said, as a message may quote it: short and without secrets."""

    def fault(self, what: str) -> InvalidAgent:
        """The error of a server that does `what`; it names the server."""


class Session:
    """One client of one server. One request at a time."""

    def __init__(self, channel: Channel, deadline: Deadline) -> None:
        self._channel, self._deadline = channel, deadline
        self._number = 0
        self._answered = 0

    def tools(self) -> dict[str, Any]:
        """All pages of `tools/list` as one result. Raises InvalidAgent, also for a list without
        end."""
        self._begin()
        tools: list[Any] = []
        cursor: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            result = self._ask("tools/list", cursor)
            if not isinstance(page := result.get("tools"), list):
                raise self._channel.fault("lists no tools")
            tools += page
            if len(tools) > MAX_TOOLS:
                raise self._channel.fault(f"lists more than {MAX_TOOLS:,} tools")
            if not (following := result.get("nextCursor")):
                return {"tools": tools}
            if not isinstance(following, str) or len(following) > MAX_CURSOR:
                raise self._channel.fault("names a next page that is none")
            cursor = {"cursor": following}
        raise self._channel.fault(f"lists tools on more than {MAX_PAGES} pages")

    def _begin(self) -> None:
        client = {"name": "edge-router", "version": "1"}
        hello = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client}
        version = self._ask("initialize", hello).get("protocolVersion", PROTOCOL)
        if version not in KNOWN_VERSIONS:
            raise self._channel.fault(
                f"speaks version {self._channel.quoted(version)} of the protocol, which is not "
                f"known here; known: {', '.join(KNOWN_VERSIONS)}"
            )
        self._channel.agree(version)
        self._channel.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _ask(self, method: str, parameters: Message) -> Message:
        """The result of a request; notifications are passed over, requests of the server get an
        answer."""
        self._number += 1
        asked = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": parameters}
        with contextlib.closing(self._channel.ask(asked)) as messages:
            for message in messages:
                if self._deadline.remaining() <= 0:  # it may write and write, and never answer
                    raise self._channel.fault(LATE)
                if "method" in message:
                    self._answer(message)
                elif not self._is_earlier(message):
                    return self._result(method, message)
        raise self._channel.fault(f"ends its reply to {method} without an answer")

    def _is_earlier(self, message: Message) -> bool:
        """Whether it is a second answer to an earlier request."""
        number = message.get("id")
        return type(number) is int and 0 < number < self._number

    def _result(self, method: str, message: Message) -> Message:
        channel, number = self._channel, message.get("id")
        if (error := message.get("error")) is not None:
            why = error.get("message") if isinstance(error, dict) else None
            raise channel.fault(
                f"refuses {method}: {channel.quoted(error if why is None else why)}"
            )
        if number != self._number or isinstance(number, bool):
            raise channel.fault(f"answers {self._number} with the id {channel.quoted(number)}")
        if not isinstance(result := message.get("result"), dict):
            raise channel.fault(f"answers {method} without a result")
        return result

    def _answer(self, asked: Message) -> None:
        """A ping gets what it waits for, any other request of a server that it is not known."""
        number = asked.get("id")
        is_short = isinstance(number, int) or (isinstance(number, str) and len(number) <= 64)
        if not is_short or self._answered >= MAX_ANSWERED:
            return
        self._answered += 1
        refused = {"error": {"code": METHOD_NOT_FOUND, "message": "not known here"}}
        reply = {"result": {}} if asked["method"] == "ping" else refused
        self._channel.tell({"jsonrpc": "2.0", "id": number, **reply})


def read_json(said: bytes | str, channel: Channel, *, fix: str) -> Any:
    """The JSON value that the server wrote. Raises its fault, with the `fix`, for any other."""
    try:
        return json_value(said.decode() if isinstance(said, bytes) else said)
    except (BadJson, UnicodeDecodeError):
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        raise channel.fault(
            f"writes what is no JSON: {channel.quoted(text.strip())}; {fix}"
        ) from None
