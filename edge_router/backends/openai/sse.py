"""Server-sent events: bytes in, the data of each event out. No I/O."""

from __future__ import annotations

import re
from typing import Self

__all__ = ["Event", "EventTooLong", "SSEParser"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """One event is longer than the parser's limit."""


class Event(str):
    """The data of one event; `kind` is the name the server gives it, often ""."""

    __slots__ = ("kind",)

    kind: str

    def __new__(cls, data: str, kind: str = "") -> Self:
        event = super().__new__(cls, data)
        event.kind = kind
        return event


class SSEParser:
    """Cuts a byte stream into events, following WHATWG HTML, section 9.2.6.

    Beyond it, as servers write them: a field called "error" is the data of an event of that kind,
    and a line that begins with a brace is an event without the word "data:". Comments, ids and
    retry times are dropped. Bytes that are not UTF-8 become U+FFFD.
    `max_event_bytes` bounds what is kept of an event that does not end. One parser reads one
    stream; it is not thread-safe.
    """

    def __init__(self, *, max_event_bytes: int = 1 << 20) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # the start of a line whose end has not come yet
        self._data: list[str] = []
        self._data_bytes = 0
        self._kind = ""
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The data of every event that `chunk` completes. Raises EventTooLong."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF whose CR has already ended the line
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        first, *others = _LINE_END.split(chunk)
        self._line += first
        events: list[Event] = []
        for following in others:
            self._end_line(events)
            self._line += following
        self._check_length()
        return events

    def end(self) -> list[Event]:
        """What is left at a clean end of stream: servers forget the blank line after [DONE].

        A line without its end is dropped: it is the trace of a connection that broke.
        """
        self._line.clear()
        events: list[Event] = []
        self._dispatch(events)
        return events

    def _end_line(self, events: list[Event]) -> None:
        self._check_length()
        line = bytes(self._line)
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        if line.startswith(b"{"):
            events.append(Event(line.decode(errors="replace")))
        elif line:
            self._take_field(line)
        else:
            self._dispatch(events)

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        told = value.removeprefix(b" ").decode(errors="replace")
        if name in (b"data", b"error"):
            self._data.append(told)
            self._data_bytes += len(value) + 1
        if name == b"event":
            self._kind = told.strip()
        elif name == b"error":
            self._kind = "error"

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event("\n".join(self._data), self._kind))
        self._kind = ""
        self._data.clear()
        self._data_bytes = 0

    def _check_length(self) -> None:
        if len(self._line) + self._data_bytes > self._max_event_bytes:
            raise EventTooLong(f"an event is longer than {self._max_event_bytes} bytes")
