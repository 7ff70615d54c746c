"""Calls of tools, thoughts and refusals through the client: the answer, and its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import AnswerRecord, ChatRequest, Config, ConfigError, EdgeRouter, Message
from edge_router.chat.completion import ChatChunk, ChatCompletion, ToolCall, ToolCallDelta
from edge_router.chat.tools import Tool
from edge_router.errors import BackendProtocolError, BackendUnavailable
from edge_router.testing import FakeBackend
from made_experts import CLOUD

CALL = ToolCall("1", "weather", '{"in": "Ulm"}')
ASK = ChatRequest(({"role": "user", "content": "Will it rain?"},), tools=(Tool("weather"),))  # type: ignore[arg-type]
OTHER = replace(CLOUD, model="other")
SECRET = "my diagnosis is private"


def make(one: Any, other: Any, **settings: Any) -> EdgeRouter:
    """A router that asks `one` first."""
    experts = {"one": replace(CLOUD, profile="frontier"), "other": replace(OTHER, profile="1b")}
    config = Config(experts=experts, min_gain=-1.0, deadline_s=5.0, **settings)
    return EdgeRouter(config, backends={"one": one, "other": other})


def test_a_call_and_its_result_go_round() -> None:
    """The answer's message goes back as it is, with the result behind it."""
    expert = FakeBackend("", tool_calls=[CALL])
    router = make(expert, FakeBackend())
    answer = router.complete(ASK)
    assert (answer.text, answer.tool_calls, answer.finish_reason) == ("", (CALL,), "tool_calls")
    assert answer.record.finish_reason == "tool_calls"
    assert not answer.record.empty
    assert "empty" not in answer.record.words
    expert.text, expert.tool_calls = "Yes.", ()
    result = Message("tool", "9 mm", tool_call_id=CALL.id)
    assert router.complete(ASK.with_messages(answer.message, result)).text == "Yes."
    assert expert.requests[-1].messages[1].to_json() == {
        "role": "assistant", "content": None, "tool_calls": [CALL.to_json()]
    }  # fmt: skip


def test_pieces_of_calls_and_thoughts_stream() -> None:
    """As they come, apart from the text."""
    stream = make(FakeBackend("", tool_calls=[CALL], reasoning_content="Hm. So."), FakeBackend())
    chunks = list(stream.stream(ASK))
    assert [chunk.reasoning_content for chunk in chunks][:2] == ["Hm. ", "So. "]
    deltas = [delta for chunk in chunks for delta in chunk.tool_calls]
    assert deltas == [ToolCallDelta(0, "1", "weather", '{"in": "Ulm"}')]
    assert chunks[-1].finish_reason == "tool_calls"


def test_a_thought_is_no_answer_yet() -> None:
    """One that fails while it thinks is replaced; a whole answer has one expert's thoughts."""
    broken = FakeBackend(error=BackendUnavailable("gone"), reasoning_content="Wrong")
    good = FakeBackend("Right.", reasoning_content="Better")
    answer = make(broken, good).complete("Why?")
    assert (answer.text, answer.reasoning_content) == ("Right.", "Better ")
    assert answer.record.failures == {"one": "gone"}
    assert answer.message == Message("assistant", "Right.", reasoning_content="Better ")
    stream = make(broken, good).stream("Why?")
    chunks = list(stream)
    thoughts = [chunk.reasoning_content for chunk in chunks if chunk.is_thought]
    assert thoughts == ["Wrong ", "Better "]
    assert stream.record is not None
    assert stream.record.answered_by == "other"


def test_a_stream_closed_in_a_thought_is_cancelled() -> None:
    """And the expert's stream with it."""
    stream = make(FakeBackend("Right.", reasoning_content="Hm. So."), FakeBackend()).stream("Why?")
    assert next(stream).is_thought
    stream.close()
    assert stream.record is not None
    assert stream.record.ended == "cancelled"


def test_a_call_is_the_first_piece() -> None:
    """After it no other expert is asked: the tool may run already."""

    class Calls(FakeBackend):
        def stream(self, request: Any, *, deadline: Any) -> Any:
            yield ChatChunk("1", "m", "", tool_calls=(ToolCallDelta(0, "1", "weather"),))
            raise BackendProtocolError("broke off")

    other = FakeBackend()
    with pytest.raises(BackendProtocolError):
        list(make(Calls(), other).stream(ASK))
    assert other.requests == []


def test_a_call_costs_what_it_wrote() -> None:
    """Where the expert counts nothing, its letters are counted."""

    class Uncounted(FakeBackend):
        def stream(self, request: Any, *, deadline: Any) -> Any:
            delta = ToolCallDelta(0, "1", "weather", "x" * 4000)
            yield ChatChunk("1", "m", "", tool_calls=(delta,))
            yield ChatChunk("1", "m", "", "tool_calls")

    priced = replace(CLOUD, input_usd_per_million=0.0, output_usd_per_million=1000.0)
    config = Config(experts={"one": priced}, budget_usd=100.0)
    router = EdgeRouter(config, backends={"one": Uncounted()})
    record = router.complete(ASK).record
    assert record.cost_usd == pytest.approx(1.0, rel=0.01)


def test_neither_log_nor_record_holds_what_was_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of any field; what is learned is kept without it too."""
    records: list[AnswerRecord] = []
    secret = ToolCall("1", "weather", f'{{"x": "{SECRET}"}}')
    request = ChatRequest(
        (
            Message("user", [{"type": "text", "text": SECRET}]),  # type: ignore[arg-type]
            Message("assistant", SECRET, (secret,)),
            Message("tool", SECRET, tool_call_id="1"),
        ),
        tools=(Tool("weather", SECRET),), user=SECRET, metadata={"x": SECRET},
        extra={"x": SECRET},
    )  # fmt: skip
    experts = {"one": CLOUD, "other": OTHER}
    config = Config(experts=experts, learn=True, data_dir=str(tmp_path))
    failing = FakeBackend(error=BackendUnavailable("gone"))
    said = FakeBackend(SECRET, tool_calls=[secret], reasoning_content=SECRET)
    router = EdgeRouter(config, backends={"one": failing, "other": said}, hooks=[records.append])
    with caplog.at_level("DEBUG"), router:
        assert router.complete(request).tool_calls == (secret,)
    assert SECRET not in caplog.text + str([record.to_json() for record in records])
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert kept
    assert SECRET.encode() not in kept


def _breaking(text: str, after: int) -> FakeBackend:
    return FakeBackend(text, error=BackendProtocolError("broke off"), fail_after=after)


def test_a_broken_stream_is_begun_anew_only_if_the_caller_asks() -> None:
    """A chunk says that what came before it is void; the record has the failure."""
    broken, good = _breaking("Wrong from here on", 2), FakeBackend("Right.")
    with pytest.raises(BackendProtocolError):
        list(make(broken, good).stream("Why?"))
    stream = make(broken, good).stream("Why?", on_break="restart")
    chunks = list(stream)
    assert [chunk.delta for chunk in chunks] == ["Wrong", " from", "", "Right.", ""]
    assert [chunk.restarts for chunk in chunks] == [False, False, True, False, False]
    assert ChatCompletion.from_chunks(chunks).text == "Right."
    assert stream.record is not None
    assert (stream.record.answered_by, stream.record.ended) == ("other", "complete")
    assert (stream.record.reason, stream.record.failures) == ("fallback", {"one": "broke off"})


def test_where_nobody_is_left_the_break_is_raised() -> None:
    """As without a wish."""
    router = make(_breaking("One two three", 1), _breaking("Four five", 1))
    with pytest.raises(BackendProtocolError):
        list(router.stream("Why?", on_break="restart"))


def test_an_unknown_wish_is_refused() -> None:
    """With the known ones."""
    with pytest.raises(ConfigError, match="on_break is 'resume'; use 'raise' or 'restart'"):
        make(FakeBackend(), FakeBackend()).stream("Why?", on_break="resume")  # type: ignore[arg-type]
