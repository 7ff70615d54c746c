"""The SSE parser against the rules of WHATWG HTML, section 9.2.6."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.backends.openai.events import EventTooLong, SSEParser


def _events(*chunks: bytes) -> list[str]:
    parser = SSEParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_an_event_is_the_data_before_a_blank_line() -> None:
    """One data line and a blank line make one event."""
    assert _events(b"data: hello\n\ndata: [DONE]\n\n") == ["hello", "[DONE]"]


def test_only_one_blank_after_the_colon_is_dropped() -> None:
    """The first space after the colon belongs to the syntax, the others to the data."""
    assert _events(b"data:a\n\ndata: a\n\ndata:  a\n\n") == ["a", "a", " a"]


def test_data_over_several_lines_is_joined_by_line_feeds() -> None:
    """Data lines of one event become one text."""
    assert _events(b"data: {\ndata: }\n\n") == ["{\n}"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_counts(end: bytes) -> None:
    """LF, CRLF and a lone CR all end a line, and a whole event comes at once."""
    assert _events(b"data: a" + end + b"data: b" + end + end) == ["a\nb"]


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    """The LF of a CRLF that comes with the next chunk is no blank line."""
    assert _events(b"data: a\r", b"\ndata: b\r", b"\n", b"\r", b"\n") == ["a\nb"]


def test_comments_and_other_fields_are_dropped() -> None:
    """Keep-alive comments, event names, ids and unknown fields yield nothing."""
    assert _events(b": ping\n\nevent: x\nid: 1\nretry: 5\nfoo\n\ndata: a\n\n") == ["a"]


def test_an_event_keeps_its_kind() -> None:
    """The name is for one event; an error field is one of the kind "error"."""
    parser = SSEParser()
    events = parser.feed(
        b'event: x\ndata: a\n\ndata: b\n\nevent: y\n\ndata: c\n\nerror: {"d": 1}\n\n'
    )
    assert [(event, event.kind) for event in events] == [
        ("a", "x"),
        ("b", ""),
        ("c", ""),
        ('{"d": 1}', "error"),
    ]


def test_a_line_of_json_is_an_event() -> None:
    """Some servers forget the word "data:" where they report an error."""
    assert _events(b'data: a\n{"error": 1}\ndata: b\n\n') == ['{"error": 1}', "a\nb"]


def test_empty_data_is_an_event() -> None:
    """A data field without a value is an event with an empty text, with or without a colon."""
    assert _events(b"data:\n\ndata\n\n") == ["", ""]


def test_blank_lines_alone_are_no_events() -> None:
    """Blank lines between events yield nothing."""
    assert _events(b"\n\n\r\n\ndata: a\n\n\n\n") == ["a"]


def test_a_byte_order_mark_is_dropped_only_at_the_start() -> None:
    """U+FEFF in front of the stream is no part of the first field's name."""
    assert _events(b"\xef\xbb\xbfdata: a\n\n") == ["a"]
    assert _events(b"\xef", b"\xbb", b"\xbf", b"data: \xef\xbb\xbfa\n\n") == ["\ufeffa"]


def test_bytes_that_are_not_utf8_become_replacement_characters() -> None:
    """A broken character does not break the stream."""
    assert _events(b"data: a\xffb\n\n") == ["a\ufffdb"]


def test_the_end_gives_out_an_event_without_its_blank_line() -> None:
    """Servers that forget the last blank line still say [DONE]."""
    parser = SSEParser()
    assert parser.feed(b"data: [DONE]\n") == []
    assert parser.end() == ["[DONE]"]
    assert parser.end() == []


def test_the_end_drops_a_broken_line() -> None:
    """Half a line is the trace of a broken connection, never an event."""
    parser = SSEParser()
    parser.feed(b'data: {"choi')
    assert parser.end() == []


def test_a_line_without_end_is_refused_at_the_limit() -> None:
    """A server cannot fill the memory with one endless line."""
    parser = SSEParser(max_event_bytes=100)
    parser.feed(b"data: " + b"x" * 94)
    with pytest.raises(EventTooLong, match="100 bytes"):
        parser.feed(b"x")


def test_an_event_without_end_is_refused_at_the_limit() -> None:
    """Nor with endlessly many short lines."""
    parser = SSEParser(max_event_bytes=100)
    with pytest.raises(EventTooLong):
        parser.feed(b"data: x\n" * 100)


def test_the_limit_is_for_one_event() -> None:
    """A long stream of short events passes."""
    assert len(SSEParser(max_event_bytes=100).feed(b"data: x\n\n" * 1000)) == 1000


_PARTS = st.sampled_from(
    [
        *(b"data", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"id: 1", b"data: x"),
        *("\u00e9\u20ac".encode(), b"\xef\xbb\xbf", b"\xff", b"{}", b"[DONE]"),
    ]
)


@given(parts=st.lists(_PARTS, max_size=30), cuts=st.lists(st.integers(0, 120), max_size=12))
def test_any_chunking_gives_the_same_events(parts: list[bytes], cuts: list[int]) -> None:
    """Where the network cuts the stream makes no difference."""
    stream = b"".join(parts)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert _events(*chunks) == _events(stream)
    assert _events(*(bytes([byte]) for byte in stream)) == _events(stream)


@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=8
    )
)
def test_what_is_written_comes_back(texts: list[str]) -> None:
    """Any text without line ends survives the round trip."""
    assert _events(*(f"data: {text}\n\n".encode() for text in texts)) == texts
