"""Messages cut out of a pipe's bytes, whatever pieces they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.backends.llama_cpp.own_process.messages import (
    Begin,
    Cancel,
    Count,
    Ended,
    Frames,
    Gave,
    frame,
)
from edge_router.chat.completion import ChatChunk, ChatRequest, Message, Usage
from edge_router.chat.tools import Tool
from edge_router.errors import BackendUnavailable, ContextExceeded, CostLimitReached

REQUEST = ChatRequest(
    (Message("system", "Be brief."), Message("user", "ä" * 300)),
    max_tokens=7,
    stop=("end",),
    tools=(Tool("look", "Looks.", {"type": "object", "properties": {}}),),
    extra={"top_k": 3, "nested": {"a": [1, None]}},
)
SENT = (
    Begin(0, REQUEST, "a reference", ("yes", "no")),
    Cancel(1),
    Count(2, ""),
    Gave(3, ChatChunk("cmpl-1", "m", " word")),
    Gave(3, ChatChunk("cmpl-1", "m", "", "stop", Usage(3, 4))),
    Gave(4, (0.25, 0.75)),
    Ended(3),
)


@given(st.lists(st.integers(1, 400), min_size=1))
def test_messages_come_out_as_they_went_in(sizes: list[int]) -> None:
    """Cut anywhere, several in a piece or one in many."""
    data, frames, out, turn = b"".join(map(frame, SENT)), Frames(), [], 0
    while data:
        size = sizes[turn % len(sizes)]
        out += frames.take(data[:size])
        data, turn = data[size:], turn + 1
    assert tuple(out) == SENT


@pytest.mark.parametrize(
    "error",
    [
        BackendUnavailable("no", retry_after_s=2.0),
        ContextExceeded("too long"),
        CostLimitReached("dear", limit="budget"),
    ],
)
def test_an_error_stays_what_it_is(error: BackendUnavailable) -> None:
    """Its class, its words and its facts."""
    (ended,) = Frames().take(frame(Ended(0, error)))
    assert type(ended.error) is type(error)
    assert (str(ended.error), vars(ended.error)) == (str(error), vars(error))
