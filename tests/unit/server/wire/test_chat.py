"""/v1/chat/completions: whole answers and events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from edge_router.chat.completion import (
    ChatChunk,
    ChatCompletion,
    FinishReason,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from edge_router.errors import InvalidRequest
from edge_router.server.wire.chat import ChatEvents, asked, reply
from edge_router.server.wire.errors import Refused
from edge_router.server.wire.outcome import Outcome

BODY = {"model": "auto", "messages": [{"role": "user", "content": "Why?"}], "stream": True}
OUTCOME = Outcome("7", "cloud", Usage(3, 4), {"edge_router": {"expert": "cloud"}})
CALL = ToolCall("call_1", "weather", '{"city": "Ulm"}')


def events_of(*chunks: ChatChunk, **fields: Any) -> list[Any]:
    """The events of a streamed answer, as a client reads them."""
    events = ChatEvents(asked(BODY | fields, max_tokens=9), OUTCOME)
    pieces = [*events.begin(), *(p for chunk in chunks for p in events.take(chunk))]
    return read([*pieces, *events.end(OUTCOME)])


def read(pieces: Iterable[bytes]) -> list[Any]:
    lines = [piece.decode("ascii").removeprefix("data: ").strip() for piece in pieces]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def chunk(text: str = "", finish: FinishReason | None = None, **fields: Any) -> ChatChunk:
    return ChatChunk("1", "m", text, finish, **fields)


def completion(text: str, finish: FinishReason = "stop", **fields: Any) -> dict[str, Any]:
    answer = ChatCompletion("1", "m", text, finish, **fields)
    return reply(asked(BODY, max_tokens=9), answer, OUTCOME)["choices"][0]


def test_a_request_has_the_servers_limit_unless_it_states_one() -> None:
    """By either of its names."""
    assert asked(BODY, max_tokens=9).request.max_tokens == 9
    assert asked(BODY | {"max_tokens": 3}, max_tokens=9).request.max_tokens == 3
    assert asked(BODY | {"max_completion_tokens": 4}, max_tokens=9).request.max_tokens == 4


@pytest.mark.parametrize(
    "fields",
    [{"stream": "yes"}, {"stream_options": 7}, {"stream_options": {"include_usage": 1}},
     {"messages": []}, {"messages": "x"}, {"n": 2}, {"functions": [{}]}],
)  # fmt: skip
def test_wrong_fields_are_refused(fields: dict[str, Any]) -> None:
    """With the errors that become 400."""
    with pytest.raises((Refused, InvalidRequest)):
        asked(BODY | fields, max_tokens=9)


def test_a_whole_answer_is_openais_object() -> None:
    """With the expert as its model, and the extra field."""
    answer = ChatCompletion("1", "m", "Hi.", "stop")
    made = reply(asked(BODY, max_tokens=9), answer, OUTCOME)
    assert (made["id"], made["object"], made["model"]) == ("chatcmpl-7", "chat.completion", "cloud")
    assert made["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert made["edge_router"] == {"expert": "cloud"}
    assert made["choices"][0]["message"]["content"] == "Hi."


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "content_filter"])
def test_every_finish_reason_passes(finish: FinishReason) -> None:
    """Whole and streamed."""
    assert completion("x", finish)["finish_reason"] == finish
    assert events_of(chunk("x"), chunk(finish=finish))[-2]["choices"][0]["finish_reason"] == finish


def test_calls_refusals_thoughts_and_logprobs_have_their_places() -> None:
    """Content is null where there is none."""
    called = completion("", "tool_calls", tool_calls=(CALL,))["message"]
    assert called["content"] is None
    assert called["tool_calls"] == [CALL.to_json()]
    refused = completion("No.", refusal="No.")["message"]
    assert (refused["content"], refused["refusal"]) == (None, "No.")
    late = completion("I can not.", refusal=" not.")["message"]
    assert (late["content"], late["refusal"]) == ("I can", " not.")
    assert completion("x", reasoning_content="hm")["message"]["reasoning_content"] == "hm"
    assert completion("", "stop")["message"]["content"] == ""
    likely = completion("x", logprobs=(TokenLogprob("x", -0.5),))["logprobs"]
    assert likely["content"][0]["logprob"] == -0.5


def test_a_stream_begins_with_the_role_and_ends_with_the_decision() -> None:
    """The finish reason waits for the end, whatever comes after it."""
    first, text, last, done = events_of(chunk("Hi"), chunk("", "stop"), chunk(usage=Usage(1, 1)))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text["choices"][0]["delta"] == {"content": "Hi"}
    assert (last["choices"][0]["finish_reason"], last["edge_router"]) == (
        "stop",
        {"expert": "cloud"},
    )
    assert done == "[DONE]"
    assert "usage" not in last


def test_usage_comes_in_a_chunk_of_its_own_if_asked_for() -> None:
    """Which then is the last, and carries the decision; all others say null."""
    *others, last, _ = events_of(chunk("Hi", "stop"), stream_options={"include_usage": True})
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 7)
    assert last["edge_router"] == {"expert": "cloud"}
    assert all(other["usage"] is None and "edge_router" not in other for other in others)


def test_tokens_read_before_are_told_where_the_expert_tells_them() -> None:
    """Under OpenAI's name."""
    outcome = Outcome("7", "cloud", Usage(3, 4, cached_tokens=2))
    made = reply(asked(BODY, max_tokens=9), ChatCompletion("1", "m", "Yes.", "stop"), outcome)
    assert made["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}


def test_pieces_of_calls_thoughts_and_refusals_stream() -> None:
    """Each as its own delta."""
    call = ToolCallDelta(0, "call_1", "weather", "{")
    _, one, two, three, *_ = events_of(
        chunk(reasoning_content="hm"), chunk(tool_calls=(call,)), chunk("No", refuses=True)
    )
    assert one["choices"][0]["delta"] == {"reasoning_content": "hm"}
    assert two["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "weather"
    assert three["choices"][0]["delta"] == {"refusal": "No"}


def test_any_text_survives() -> None:
    """Line separators, half pairs and what ends an event elsewhere."""
    odd = "a\n\ndata: [DONE]\u2028\ud83d\x00"
    assert events_of(chunk(odd))[1]["choices"][0]["delta"]["content"] == odd


def test_a_broken_stream_ends_with_an_error_object() -> None:
    """openai-python raises APIError for it."""
    events = ChatEvents(asked(BODY, max_tokens=9), OUTCOME)
    (failed,) = read(events.fail(Refused(502, "it broke", code="expert_broke_off")))
    assert failed["error"]["code"] == "expert_broke_off"
