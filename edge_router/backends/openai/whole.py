"""The events of a reply that is there whole: JSON values one after another, or an event stream."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .content import Malformed, end_of_object, require_few_values
from .sse import Event, SSEParser

__all__ = ["whole_events"]

_SLICE = 1 << 16
_STREAM = re.compile(r"(data|event|id|retry|error)?:")
_BETWEEN = re.compile(r"[\s,\]]*(?:data:\s*)?")
_ARRAY = re.compile(r"\[\s*(?=\{)")
_LINE = re.compile(r"[^\r\n]*")


def whole_events(body: bytes) -> Iterator[Event]:
    """The events of `body`: an event stream, or objects in a row, one a line, or in an array.

    Raises Malformed and EventTooLong.
    """
    text = body.decode("utf-8-sig", errors="replace").strip()
    if _STREAM.match(text):
        parser = SSEParser(max_event_bytes=len(body) + 1)
        for at in range(0, len(body), _SLICE):
            yield from parser.feed(body[at : at + _SLICE])
        yield from parser.feed(b"\n\n")
        yield from parser.end()
        return
    require_few_values(text)
    array = _ARRAY.match(text)
    yield from _objects(text, array.end() if array else 0)


def _objects(text: str, at: int) -> Iterator[Event]:
    """The objects of `text` from `at` on; what is none is an event as far as its line goes."""
    while at < len(text):
        end = _end_of_event(text, at)
        yield Event(text[at:end])
        between = _BETWEEN.match(text, end)
        at = between.end() if between else end


def _end_of_event(text: str, at: int) -> int:
    if text.startswith("{", at):
        try:
            return end_of_object(text, at)
        except Malformed:
            return len(text)  # nobody knows where it ends
    line = _LINE.match(text, at)
    return max(at + 1, line.end() if line else 0)
