"""An MCP server that is started as a process and speaks over its standard streams.

Transport "stdio": one message a line. The server gets a limit of time and of bytes; where it does
not end by itself it is killed, with what it started.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import signal
import subprocess
import threading
from contextlib import suppress
from typing import IO, Any

from edge_router.backends.deadline import Deadline
from edge_router.errors import InvalidAgent
from edge_router.guards.redaction import quoted, quoted_json, redacted_command

from .mcp_session import LATE, MAX_BYTES, Message, Messages, Session, read_json

__all__ = ["tools_of_command"]

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
END_S = 1.0  # for the server to end by itself
MAX_LAST_WORDS = 4096  # bytes of its standard error that are kept


def tools_of_command(command: str, *, limit_s: float) -> dict[str, Any]:
    """All pages of `tools/list` as one result. Raises InvalidAgent for a server that does not
    start, hangs, ends, writes what is no JSON-RPC, too much of it, or lists without end."""
    shown = f"the MCP server {redacted_command(command)}"
    try:
        words = _words(command)
        process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )  # fmt: skip
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error  # not its word of `command`
        raise InvalidAgent(f"{shown} cannot be started: {why}") from None
    deadline = Deadline.after(limit_s)
    server = _Server(process, shown, deadline)
    try:
        return Session(server, deadline).tools()
    finally:
        server.end()


def _words(command: str) -> list[str]:
    """Raises ValueError for what is no command."""
    words = shlex.split(command)
    if not words:
        raise ValueError("the command is empty")
    return words


class _Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], shown: str, deadline: Deadline) -> None:
        self._process, self._shown, self._deadline = process, shown, deadline
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._bytes = 0
        self._last_words = b""
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._read, process.stdout), (self._listen, process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def ask(self, request: Message) -> Messages:
        self.tell(request)
        while True:
            yield self._message()

    def tell(self, message: Message) -> None:
        """A server that has ended is noticed when it is read, after what it said before."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def agree(self, version: str) -> None:
        """Nothing states it here."""

    def quoted(self, value: Any) -> str:
        return quoted(value) if isinstance(value, str) else quoted_json(value)

    def fault(self, what: str) -> InvalidAgent:
        return InvalidAgent(f"{self._shown} {what}")

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

    def _message(self) -> Message:
        try:
            line = self._lines.get(timeout=self._deadline.remaining())
        except queue.Empty:
            raise self.fault(LATE) from None
        if not line:
            too_much = self._bytes > MAX_BYTES
            raise self.fault(f"writes over {MAX_BYTES:,} bytes" if too_much else self._ended())
        message = read_json(line, self, fix="its standard output is for messages alone")
        if not isinstance(message, dict):
            raise self.fault(f"writes what is no JSON-RPC: {self.quoted(message)}")
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
