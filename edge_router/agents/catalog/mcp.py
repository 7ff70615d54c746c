"""The tools of an MCP server that is started as a process and speaks over its standard streams.

Model Context Protocol, transport "stdio": JSON-RPC 2.0, one message a line. The server gets a
limit of time and of bytes; where it does not end by itself it is killed, with what it started.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from edge_router.errors import InvalidAgent
from edge_router.guards.json_lines import BadJson, json_value
from edge_router.guards.redaction import quoted, quoted_json

__all__ = ["listed_tools"]

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
LIMIT_S = 20.0  # for everything together
END_S = 1.0  # for the server to end by itself
MAX_BYTES = 1 << 24  # of everything it writes
MAX_CURSOR = 4096  # characters; a longer one might not fit the pipe of a server that never reads
MAX_PAGES = 100
MAX_ANSWERED = 50  # requests of the server; more might not fit its pipe either
MAX_LAST_WORDS = 4096  # bytes of its standard error that are kept
METHOD_NOT_FOUND = -32601
PROTOCOL = "2025-06-18"


def listed_tools(command: str, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """All pages of `tools/list` as one result. Raises InvalidAgent for a server that does not
    start, hangs, ends, writes what is no JSON-RPC, too much of it, or lists without end."""
    try:
        words = _words(command)
        process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise InvalidAgent(f"the MCP server {command!r} cannot be started: {error}") from None
    server = _Server(process, command, time.monotonic() + limit_s)
    try:
        return server.tools()
    finally:
        server.end()


def _words(command: str) -> list[str]:
    """Raises ValueError for what is no command."""
    words = shlex.split(command)
    if not words:
        raise ValueError("the command is empty")
    if "://" in words[0]:
        raise ValueError(
            "it is a URL; give the command of a server that speaks over its standard streams, or "
            "the reply to tools/list as a FILE"
        )
    return words


class _Server:
    """A running server. One request at a time."""

    def __init__(self, process: subprocess.Popen[bytes], command: str, until: float) -> None:
        self._process, self._command, self._until = process, command, until
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._number = 0
        self._bytes = 0
        self._answered = 0
        self._last_words = b""
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._read, process.stdout), (self._listen, process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def tools(self) -> dict[str, Any]:
        client = {"name": "edge-router", "version": "1"}
        hello = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client}
        self._ask("initialize", hello)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        tools: list[Any] = []
        cursor: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            result = self._ask("tools/list", cursor)
            if not isinstance(page := result.get("tools"), list):
                raise self._fault("lists no tools")
            tools += page
            if not (following := result.get("nextCursor")):
                return {"tools": tools}
            if not isinstance(following, str) or len(following) > MAX_CURSOR:
                raise self._fault("names a next page that is none")
            cursor = {"cursor": following}
        raise self._fault(f"lists tools on more than {MAX_PAGES} pages")

    def end(self) -> None:
        """Close its input, then end it."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        for number in (None, signal.SIGTERM, KILL):
            if number is not None:
                self._signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
                break
        streams = self._process.stdout, self._process.stderr
        for reader, stream in zip(self._readers, streams, strict=True):
            reader.join(END_S)
            if stream is not None and not reader.is_alive():
                stream.close()

    def _signal(self, number: signal.Signals) -> None:
        """To the server and the processes of its group."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _ask(self, method: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a request; notifications are passed over, requests of the server get an
        answer."""
        self._number += 1
        asked = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": parameters}
        self._write(asked)
        while True:
            message = self._message()
            number = message.get("id")
            if "method" in message:
                self._answer(message)
                continue
            if isinstance(number, int) and number < self._number:
                continue  # a second answer to an earlier request
            if (error := message.get("error")) is not None:
                why = error.get("message") if isinstance(error, dict) else None
                raise self._fault(f"refuses {method}: {quoted_json(error if why is None else why)}")
            if number != self._number or isinstance(number, bool):
                raise self._fault(f"answers {self._number} with the id {quoted_json(number)}")
            if not isinstance(result := message.get("result"), dict):
                raise self._fault(f"answers {method} without a result")
            return result

    def _answer(self, asked: Mapping[str, Any]) -> None:
        """A ping gets what it waits for, any other request of a server that it is not known."""
        number = asked.get("id")
        is_short = isinstance(number, int) or (isinstance(number, str) and len(number) <= 64)
        if not is_short or self._answered >= MAX_ANSWERED:
            return
        self._answered += 1
        refused = {"error": {"code": METHOD_NOT_FOUND, "message": "not known here"}}
        reply = {"result": {}} if asked["method"] == "ping" else refused
        self._write({"jsonrpc": "2.0", "id": number, **reply})

    def _write(self, message: Mapping[str, Any]) -> None:
        """A server that has ended is noticed when it is read, after what it said before."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _message(self) -> Mapping[str, Any]:
        left = self._until - time.monotonic()
        try:
            line = self._lines.get(timeout=max(0.0, left))
        except queue.Empty:
            left = 0.0
        if left <= 0:  # it may write and write, and never answer
            raise self._fault("does not answer in time")
        if not line:
            too_much = self._bytes > MAX_BYTES
            raise self._fault(f"writes over {MAX_BYTES:,} bytes" if too_much else self._ended())
        try:
            message = json_value(line.decode())
        except (BadJson, UnicodeDecodeError):
            shown = quoted(line[:MAX_LAST_WORDS].decode(errors="replace").strip())
            raise self._fault(
                f"writes what is no JSON: {shown}; its standard output is for messages alone"
            ) from None
        if not isinstance(message, dict):
            raise self._fault(f"writes what is no JSON-RPC: {quoted_json(message)}")
        return message

    def _read(self, stream: IO[bytes]) -> None:
        """Queue every line, and an empty one at the end and after MAX_BYTES."""
        with suppress(OSError, ValueError):
            while line := stream.readline(MAX_BYTES + 1):
                self._bytes += len(line)
                if self._bytes > MAX_BYTES:
                    break
                if line.strip():
                    self._lines.put(line)
        self._lines.put(b"")

    def _listen(self, stream: IO[bytes]) -> None:
        """Keep the end of what it writes to its standard error."""
        with suppress(OSError, ValueError):
            while part := os.read(stream.fileno(), MAX_LAST_WORDS):
                self._last_words = (self._last_words + part)[-MAX_LAST_WORDS:]

    def _ended(self) -> str:
        """That it ended, with its status and the last line of its standard error."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        self._readers[1].join(END_S)
        status = self._process.returncode
        lines = self._last_words.decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"ended (status {status})" + (f": {quoted(said)}" if said else "")

    def _fault(self, what: str) -> InvalidAgent:
        return InvalidAgent(f"the MCP server {self._command!r} {what}")
