"""A server on loopback that does exactly what a script says, down to the byte and the pause."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self


class Peer:
    """One accepted connection, as the script sees it. Every wait ends when the server closes."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self._sock = sock
        self._stop = stop

    def request(self) -> str:
        """Read one request with its body; returns it as text, "" when the client is gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._sock.recv(65536)
            if not piece:
                return ""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += self._sock.recv(65536)
        return (head + b"\r\n\r\n" + body).decode()

    def send(self, data: bytes | str) -> None:
        """Send at once."""
        self._sock.sendall(data.encode() if isinstance(data, str) else data)

    def drip(self, data: bytes | str, *, every_s: float) -> None:
        """Send one byte, wait, send the next."""
        for byte in data.encode() if isinstance(data, str) else data:
            self.send(bytes([byte]))
            self.pause(every_s)

    def pause(self, seconds: float = 60.0) -> None:
        """Say nothing. Raises ConnectionAbortedError when the server closes meanwhile."""
        if self._stop.wait(seconds):
            raise ConnectionAbortedError

    def gone(self, *, within_s: float = 5.0) -> bool:
        """Whether the client closes the connection in time."""
        self._sock.settimeout(within_s)
        try:
            return self._sock.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


Script = Callable[[Peer], None]


class FaultServer:
    """Runs `script` once per connection, each in its own thread; leaves none behind."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/v1"
        self.connections = 0

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes the accepting thread
        for thread in self._threads:  # grows no more once its first, the accepting one, has ended
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._stop.is_set():
                sock.close()
                return
            sock.settimeout(5.0)
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(sock)
            if self._tls is not None:
                sock = stack.enter_context(self._tls.wrap_socket(sock, server_side=True))
            self._script(Peer(sock, self._stop))


@contextlib.contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """An address where connecting hangs, on Linux: nothing accepts and the queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0)
            sock.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()


def answer(body: bytes | str, *, status: str = "200 OK", **headers: str) -> bytes:
    """A whole HTTP response; `content_type="text/html"` becomes a header."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def answer_json(value: Any, *, status: str = "200 OK", **headers: str) -> bytes:
    """A whole HTTP response that holds `value`."""
    return answer(json.dumps(value), status=status, content_type="application/json", **headers)


STREAM_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(value: Any) -> str:
    """One server-sent event."""
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def piece(text: str | None = None, *, finish: str | None = None, **extra: Any) -> str:
    """One event of a streamed answer."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "chatcmpl-7", "model": "tiny-2", "choices": [choice], **extra})
