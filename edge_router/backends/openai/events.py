"""The events of a reply: headers and bytes in, the data of each event out, read as JSON. No I/O.

Servers send them as server-sent events, or as one whole JSON reply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Self

__all__ = [
    "Event",
    "EventTooLong",
    "Malformed",
    "SSEParser",
    "compression",
    "joined",
    "json_object",
    "require_plain",
    "require_type",
    "split_pair",
    "streamed_events",
    "whole_events",
]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_MAX_LINES = 200_000  # in a row that bring no event
_BOM = b"\xef\xbb\xbf"
_BLANK = (b"", _BOM[:1], _BOM[:2], _BOM)  # what a reply may begin with
_MAX_REPLY_BYTES = 16 << 20
_MAX_EVENT_BYTES = 1 << 20
_SLICE = 1 << 16
_STREAM = re.compile(r"(data|event|id|retry|error)?:")
_BETWEEN = re.compile(r"[\s,\]]*(?:data:\s*)?")
_ARRAY = re.compile(r"\[\s*(?=\{)")
_LINE = re.compile(r"[^\r\n]*")
_MAX_DIGITS = 1000  # reading more takes Python quadratic time, and no count is that long
_MAX_VALUES = 1_000_000  # in JSON; a megabyte of brackets becomes a hundred of objects
_HALF = re.compile("[\ud800-\udfff]")


class Malformed(ValueError):
    """The reply is not what the protocol allows."""


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


def require_type(content_type: str) -> None:
    """Refuse only what is surely no answer: servers are careless with this header."""
    kind = content_type.partition(";")[0].strip().lower()
    if "html" in kind:
        raise Malformed(f"expected an answer, got {kind}; check base_url")


def require_plain(content_encoding: str) -> None:
    """Refuse compression before anything is unpacked: a few kilobytes can become gigabytes."""
    if coding := compression(content_encoding):
        raise Malformed(f"the reply is compressed ({coding}), though the request forbids that")


def compression(content_encoding: str) -> str:
    """What a body is compressed with, "" for one that is not."""
    codings = [one.strip().lower() for one in content_encoding.split(",")]
    return ", ".join(one for one in codings if one not in ("", "identity"))


class SSEParser:
    """Cuts a byte stream into events, following WHATWG HTML, section 9.2.6.

    Beyond it, as servers write them: a field called "error" is the data of an event of that kind,
    and a line that begins with a brace is an event without the word "data:". A data line that
    begins an object, or is [DONE], ends an event whose last line ended an object: some servers
    forget the blank line. Comments, ids and retry times are dropped. Bytes that are not UTF-8
    become U+FFFD. `max_event_bytes` bounds what is kept of an event that does not end. One parser
    reads one stream; it is not thread-safe.
    """

    def __init__(self, *, max_event_bytes: int = 1 << 20) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # the start of a line whose end has not come yet
        self._data: list[str] = []
        self._data_bytes = 0
        self._kind = ""
        self._idle_lines = 0
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
        """The last events, at a clean end of stream: servers forget the blank line after [DONE].

        A line without its end counts where it holds a whole object or [DONE]; else it is dropped:
        it is the trace of a connection that broke.
        """
        events: list[Event] = []
        if _is_whole(bytes(self._line)):
            self._end_line(events)
        self._line.clear()
        self._dispatch(events)
        return events

    def _end_line(self, events: list[Event]) -> None:
        self._check_length()
        line = bytes(self._line)
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        self._idle_lines += 1
        if self._idle_lines > _MAX_LINES:
            raise EventTooLong(f"more than {_MAX_LINES} lines bring no event")
        if line.startswith(b"{"):
            self._idle_lines = 0
            events.append(Event(line.decode(errors="replace")))
        elif line:
            self._take_field(line, events)
        else:
            self._dispatch(events)

    def _take_field(self, line: bytes, events: list[Event]) -> None:
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode(errors="replace")
        if name in (b"data", b"error"):
            if self._data and _begins_event(text) and self._data[-1].rstrip().endswith("}"):
                self._dispatch(events)
            self._data.append(text)
            self._data_bytes += len(value) + 1
        if name == b"event":
            self._kind = text.strip()
        elif name == b"error":
            self._kind = "error"

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            self._idle_lines = 0
            events.append(Event("\n".join(self._data), self._kind))
        self._kind = ""
        self._data.clear()
        self._data_bytes = 0

    def _check_length(self) -> None:
        if len(self._line) + self._data_bytes > self._max_event_bytes:
            raise EventTooLong(f"an event is longer than {self._max_event_bytes} bytes")


def _begins_event(data: str) -> bool:
    return data.lstrip().startswith(("{", "[DONE]"))


def _is_whole(line: bytes) -> bool:
    """Whether a line that was not ended holds a whole object, or [DONE]."""
    data = line.removeprefix(b"data:").decode(errors="replace").strip()
    if data == "[DONE]":
        return True
    try:
        return bool(json_object(data))
    except Malformed:
        return False


def streamed_events(chunks: Iterator[bytes]) -> Iterator[Event]:
    """The events of a reply as they arrive, whatever its type says; of a JSON reply once it is
    complete. Raises Malformed and EventTooLong."""
    start = b""
    while start in _BLANK and (chunk := next(chunks, b"")):
        start = (start + chunk).lstrip()
    if start.removeprefix(_BOM).lstrip().startswith((b"{", b"[")):
        yield from whole_events(chunks, start)
        return
    parser = SSEParser(max_event_bytes=_MAX_EVENT_BYTES)
    yield from parser.feed(start)
    for chunk in chunks:
        yield from parser.feed(chunk)
    yield from parser.end()


def whole_events(chunks: Iterator[bytes], start: bytes = b"") -> Iterator[Event]:
    """The events of a complete reply, of which `start` was read before: an event stream, or objects
    in a row, one a line, or in an array.

    Raises Malformed and EventTooLong.
    """
    body = _body(chunks, start)
    text = body.decode("utf-8-sig", errors="replace").strip()
    if _STREAM.match(text):
        parser = SSEParser(max_event_bytes=len(body) + 1)
        for at in range(0, len(body), _SLICE):
            yield from parser.feed(body[at : at + _SLICE])
        yield from parser.feed(b"\n\n")
        yield from parser.end()
        return
    _require_few_values(text)
    array = _ARRAY.match(text)
    yield from _objects(text, array.end() if array else 0)


def _body(chunks: Iterator[bytes], start: bytes) -> bytes:
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > _MAX_REPLY_BYTES:
            raise Malformed(f"the reply is longer than {_MAX_REPLY_BYTES} bytes")
    return bytes(body)


def _objects(text: str, at: int) -> Iterator[Event]:
    """The objects of `text` from `at` on; anything else is an event up to the end of its line."""
    while at < len(text):
        end = _end_of_event(text, at)
        yield Event(text[at:end])
        between = _BETWEEN.match(text, end)
        at = between.end() if between else end


def _end_of_event(text: str, at: int) -> int:
    if text.startswith("{", at):
        try:
            return _end_of_object(text, at)
        except Malformed:
            return len(text)  # its end is unknown
    line = _LINE.match(text, at)
    return max(at + 1, line.end() if line else 0)


def json_object(text: str) -> dict[str, Any]:
    """The object that `text` holds. Raises Malformed."""
    _require_few_values(text)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("malformed JSON") from None  # not shown: it may hold the answer
    if not isinstance(value, dict):
        raise Malformed(f"expected a JSON object, got {type(value).__name__}")
    return value


def _end_of_object(text: str, at: int) -> int:
    """Where the JSON value that begins at `at` ends. Raises Malformed."""
    try:
        return _DECODER.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        raise Malformed("malformed JSON") from None


def _require_few_values(text: str) -> None:
    """Refuse JSON that would take long to read; counting is cheap. Raises Malformed."""
    if len(text) > _MAX_VALUES and sum(map(text.count, ",[{")) > _MAX_VALUES:
        raise Malformed(f"the reply holds more than {_MAX_VALUES} JSON values")


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_whole_number)


def split_pair(text: str) -> tuple[str, str]:
    """`text` with its surrogate pairs joined, and the half pair at its end, whose other half may
    begin the next text."""
    if "\ud800" <= text[-1:] <= "\udbff":
        return joined(text[:-1]), text[-1]
    return joined(text), ""


def joined(text: str) -> str:
    """`text` with surrogate pairs made characters; a half alone becomes U+FFFD."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
