"""Calls of tools, thoughts, refusals and log-probabilities in replies, as servers write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import DONE, REPLY, asking, saying
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.events import Malformed
from edge_router.backends.openai.reply import Answer, completion
from edge_router.chat.completion import (
    ChatChunk,
    ChatCompletion,
    ChatRequest,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)
from edge_router.errors import BackendError, BackendProtocolError, BackendRejected
from fault_server import STREAM_HEAD, Peer, answer_json, event, piece

WEATHER = {"type": "function", "function": {"name": "weather"}}
ASK: Any = ChatRequest(
    ({"role": "user", "content": "Will it rain in Ulm?"},), tools=[WEATHER], logprobs=True
)  # type: ignore[arg-type]
RAIN = ToolCall("1", "weather", '{"in": "Ulm"}')


def call(index: Any = None, name: Any = None, arguments: Any = None, **extra: Any) -> str:
    """An event with a piece of a call; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    stated = {"index": index, **extra} | {"function": {k: v for k, v in function.items() if v}}
    delta = {"tool_calls": [{k: v for k, v in stated.items() if v is not None}]}
    return event({"choices": [{"delta": delta}]})


def end(reason: str = "tool_calls") -> str:
    return event({"choices": [{"delta": {}, "finish_reason": reason}]}) + DONE


def joined(*events: str) -> ChatCompletion:
    """The answer that a stream of events adds up to."""
    with asking(saying(STREAM_HEAD, *events)) as backend:
        return ChatCompletion.from_chunks(backend.stream(ASK, deadline=Deadline.after(10)))


def whole(message: Any, reason: str = "tool_calls", **choice: Any) -> ChatCompletion:
    """The answer in one reply."""
    reply = {"choices": [{"message": message, "finish_reason": reason, **choice}]}
    with asking(saying(answer_json(reply))) as backend:
        return backend.complete(ASK, deadline=Deadline.after(10))


STREAMS = {
    "OpenAI": [call(0, "weather", id="1"), call(0, None, '{"in": '), call(0, None, '"Ulm"}')],
    "whole at once": [call(0, "weather", '{"in": "Ulm"}', id="1")],
    "without an index": [call(None, "weather", '{"in": ', id="1"), call(None, None, '"Ulm"}')],
    "the name again and again": [
        call(0, "weather", '{"in": ', id="1"), call(0, "weather", '"Ulm"}', id="1")
    ],
    "an object": [call(0, "weather", {"in": "Ulm"}, id="1")],
    "an index that begins at 1": [call(1, "weather", '{"in": "Ulm"}', id="1")],
    "after some words": [piece("Let me look. "), call(0, "weather", '{"in": "Ulm"}', id="1")],
    "the whole message at the end": [
        call(0, "weather", '{"in": "Ulm"}', id="1"),
        event({"choices": [{"message": {"tool_calls": [RAIN.to_json()]}, "delta": {}}]}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
def test_a_call_is_read_however_it_is_written(events: list[str], reason: str) -> None:
    """And the answer ends with "tool_calls", also where a server calls that "stop"."""
    answer = joined(*events, end(reason))
    assert answer.tool_calls == (RAIN,)
    assert answer.finish_reason == "tool_calls"


def test_two_calls_at_once_keep_their_places() -> None:
    """By index, or by id where a server gives all of them the index 0."""
    mixed = [call(0, "a", id="1"), call(1, "b", id="2"), call(0, None, "{}"), call(1, None, "[]")]
    assert joined(*mixed, end()).tool_calls == (ToolCall("1", "a", "{}"), ToolCall("2", "b", "[]"))
    zeros = [call(0, "a", "{}", id="1"), call(0, "b", "[]", id="2")]
    assert joined(*zeros, end()).tool_calls == (ToolCall("1", "a", "{}"), ToolCall("2", "b", "[]"))


def test_two_calls_with_one_id_are_two() -> None:
    """Each then has an id of its own, so that two results can name them."""
    mixed = [call(0, "a", id="1"), call(1, "b", id="1"), call(0, None, "{}"), call(1, None, "[]")]
    repeated = [call(0, "a", "{}", id="1"), call(1, "b", "[", id="1"), call(1, None, "]", id="1")]
    stated = [ToolCall("1", "a", "{}").to_json(), ToolCall("1", "b", "[]").to_json()]
    for answer in (
        joined(*mixed, end()),
        joined(*repeated, end()),
        whole({"content": None, "tool_calls": stated}),
    ):
        first, second = answer.tool_calls
        assert first == ToolCall("1", "a", "{}")
        assert (second.name, second.arguments) == ("b", "[]")
        assert second.id.startswith("call_")


def test_a_call_without_an_id_gets_one() -> None:
    """The result has to name it."""
    (made,) = joined(call(0, "weather", "{}"), end()).tool_calls
    assert made.id.startswith("call_")


def test_the_old_form_of_a_call_is_read_too() -> None:
    """One call, without index and id."""
    old = {"function_call": {"name": "weather", "arguments": '{"in": "Ulm"}'}}
    assert whole({"content": None, **old}, "function_call").tool_calls[0].name == "weather"
    both = old | {"tool_calls": [RAIN.to_json()]}
    assert whole({"content": None, **both}, "tool_calls").tool_calls == (RAIN,)


def test_a_whole_reply_has_its_calls() -> None:
    """With content null, as OpenAI sends it."""
    answer = whole({"content": None, "tool_calls": [RAIN.to_json()]})
    assert (answer.text, answer.tool_calls, answer.finish_reason) == ("", (RAIN,), "tool_calls")


def test_pieces_have_index_id_and_name_first() -> None:
    """What an OpenAI client joins."""
    with asking(saying(STREAM_HEAD, *STREAMS["OpenAI"], end())) as backend:
        chunks = list(backend.stream(ASK, deadline=Deadline.after(10)))
    deltas = [delta for chunk in chunks for delta in chunk.tool_calls]
    assert deltas == [
        ToolCallDelta(0, "1", "weather"),
        ToolCallDelta(0, arguments='{"in": '),
        ToolCallDelta(0, arguments='"Ulm"}'),
    ]
    assert deltas[0].to_json() == {
        "index": 0, "id": "1", "type": "function", "function": {"name": "weather", "arguments": ""}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ("SECRET", "tool_calls is not a list but str"),
        (["SECRET"], "has no function"),
        ([{"id": "1", "function": {"arguments": "SECRET"}}], "has no name"),
        ([{"id": "1", "function": {"name": "f", "arguments": 3}}], "not text but int"),
        ([{"id": str(n), "function": {"name": "f"}} for n in range(129)], "more than 128 tools"),
    ],
)
def test_what_is_no_call_is_a_broken_reply(calls: Any, words: str) -> None:
    """Said without what it held."""
    with pytest.raises(BackendProtocolError, match=words) as caught:
        whole({"content": None, "tool_calls": calls})
    assert "SECRET" not in str(caught.value)


def test_an_end_to_call_without_a_call_is_a_broken_reply() -> None:
    """There is neither a text nor a call; with a text it is an answer."""
    with pytest.raises(BackendProtocolError, match="ends to call a tool, and calls none"):
        joined(end())
    assert joined(piece("Dry."), end()).finish_reason == "stop"


def test_after_a_call_a_failure_is_a_broken_answer() -> None:
    """Another expert would call it a second time."""
    with pytest.raises(BackendProtocolError, match="the answer broke off"):
        joined(call(0, "weather", '{"in', id="1"), event({"error": {"message": "oops"}}))


THOUGHTS = {
    "reasoning_content": {"reasoning_content": "Hm. "},
    "reasoning": {"reasoning": "Hm. "},
    "details": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm. "}]},
    "parts": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm. "}]}]},
}


@pytest.mark.parametrize("delta", THOUGHTS.values(), ids=THOUGHTS)
def test_thoughts_are_apart_from_the_text(delta: dict[str, Any]) -> None:
    """Under whatever name a server sends them, streamed or whole."""
    thought = event({"choices": [{"delta": delta}]})
    answer = joined(thought, thought, piece("Dry.", finish="stop"), DONE)
    assert (answer.reasoning_content, answer.text) == ("Hm. Hm. ", "Dry.")
    if "content" not in delta:
        answer = whole({"content": "Dry.", **delta}, "stop")
        assert (answer.reasoning_content, answer.text) == ("Hm. ", "Dry.")


def test_a_refusal_is_shown_and_said_to_be_one() -> None:
    """Its words are the text, and its reason is a filter's."""
    answer = joined(event({"choices": [{"delta": {"refusal": "I will not."}}]}), end("stop"))
    assert (answer.text, answer.refusal) == ("I will not.", "I will not.")
    assert answer.finish_reason == "content_filter"


def test_log_probabilities_come_with_their_tokens() -> None:
    """Of the token and of the likeliest ones at its place; what is none is left out."""
    top = [{"token": "Dry", "logprob": -0.5}, {"token": "Wet", "logprob": -1}, {"token": 3}]
    entry = {"token": "Dry", "logprob": -0.5, "bytes": [68], "top_logprobs": top}
    answer = whole({"content": "Dry"}, "stop", logprobs={"content": [entry, "x", {"token": "y"}]})
    assert answer.logprobs == (TokenLogprob("Dry", -0.5, (("Dry", -0.5), ("Wet", -1.0))),)
    top = answer.logprobs[0].to_json()["top_logprobs"]
    assert top == [
        {"token": "Dry", "logprob": -0.5, "bytes": [68, 114, 121]},
        {"token": "Wet", "logprob": -1.0, "bytes": [87, 101, 116]},
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "index", "function", "name", "arguments", "type", "text"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.lists(st.fixed_dictionaries({}, optional={
    "tool_calls": JSON | st.lists(JSON), "function_call": JSON, "reasoning_content": JSON,
    "content": JSON, "refusal": JSON,
}), max_size=5), JSON)  # fmt: skip
def test_any_reply_is_an_answer_or_a_broken_one(deltas: list[Any], logprobs: Any) -> None:
    """Never an error of another kind, and each call has its id, its name and its place."""
    events = [json.dumps({"choices": [{"delta": d, "logprobs": logprobs}]}) for d in deltas]
    try:
        made = completion([*events, "[DONE]"], Answer("tiny", tools=True, logprobs=True))
    except (Malformed, BackendError):
        return
    assert all(one.id and one.name for one in made.tool_calls)
    json.dumps(made.text + made.reasoning_content + "".join(c.arguments for c in made.tool_calls))


def _sent(request: Any, reply: Any = REPLY, **settings: Any) -> dict[str, Any]:
    """The body of a request."""
    bodies: list[str] = []

    def script(peer: Peer) -> None:
        bodies.append(peer.request())
        peer.send(answer_json(reply))

    with asking(script, **settings) as backend:
        backend.complete(request, deadline=Deadline.after(10))
    body: dict[str, Any] = json.loads(bodies[0].partition("\r\n\r\n")[2])
    return body


def test_everything_is_sent_as_it_was_stated() -> None:
    """Under OpenAI's names; the settings of the server win over the request's own fields."""
    stated = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What?"}, {
                "type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            {"role": "assistant", "content": None, "tool_calls": [RAIN.to_json()]},
            {"role": "tool", "content": "Yes", "tool_call_id": "1"},
        ],
        "tools": [WEATHER], "tool_choice": WEATHER, "parallel_tool_calls": False,
        "response_format": {"type": "json_object"}, "top_p": 0.5, "presence_penalty": 1.0,
        "frequency_penalty": -1.0, "logprobs": True, "top_logprobs": 2, "reasoning_effort": "low",
        "user": "ann", "metadata": {"a": "b"}, "seed": 7, "stop": ["x"], "temperature": 0.5,
    }  # fmt: skip
    request = ChatRequest(**stated, max_completion_tokens=9, extra={"top_k": 5, "min_p": 0.1})
    body = _sent(request, extra_body={"top_k": 3})
    assert body == stated | {"model": "tiny", "max_tokens": 9, "stream": False} | {
        "top_k": 3, "min_p": 0.1,
    }  # fmt: skip


def test_a_plain_request_is_sent_as_ever() -> None:
    """Nothing is added that was not asked for."""
    body = _sent(ChatRequest.of("Hello"))
    message = {"role": "user", "content": "Hello"}
    assert body == {"model": "tiny", "messages": [message], "max_tokens": 512, "stream": False}
    unused = ChatRequest.of([message])
    assert _sent(ChatRequest(unused.messages, tool_choice="auto")) == body


@pytest.mark.parametrize(
    "settings",
    [
        {"tools": [WEATHER]},
        {"tools": [WEATHER], "parallel_tool_calls": False},
        {"response_format": {"type": "json_object"}},
        {"logprobs": True},
        {"extra": {"top_k": 5}},
    ],
)
def test_what_an_answer_depends_on_is_never_left_out(settings: dict[str, Any]) -> None:
    """Where a server does not take it, that is an error; a wish is sent no more."""
    name = "top_k" if "extra" in settings else [*settings][-1]
    request = ChatRequest(ChatRequest.of("Hi").messages, **settings)

    def script(peer: Peer) -> None:
        while name in peer.request():
            error = {"message": f"Unsupported parameter: '{name}'", "param": name}
            peer.send(answer_json({"error": error}, status="400 Bad Request"))
        peer.send(answer_json(REPLY))

    with asking(script) as backend:
        with pytest.raises(BackendRejected, match="HTTP 400"):
            backend.complete(request, deadline=Deadline.after(10))
        assert backend.adaptations == {}


def test_a_wish_that_a_server_does_not_take_is_left_out() -> None:
    """As a temperature is."""

    def script(peer: Peer) -> None:
        while '"reasoning_effort"' in peer.request():
            error = {"message": "Unsupported parameter: 'reasoning_effort'"}
            peer.send(answer_json({"error": error}, status="400 Bad Request"))
        peer.send(answer_json(REPLY))

    request = ChatRequest(ChatRequest.of("Hi").messages, reasoning_effort="low")
    with asking(script) as backend:
        assert backend.complete(request, deadline=Deadline.after(10)).text == "A decision."
        assert backend.adaptations == {"reasoning_effort": "left out"}


PRIVATE = {
    "a result of a tool": {"messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        {"role": "tool", "content": "MY-DIAGNOSIS-IS-PRIVATE", "tool_call_id": "1"}]},
    "arguments": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant",
        "tool_calls": [{"id": "1", "function": {"name": "f",
                        "arguments": '{"x": "MY-DIAGNOSIS-IS-PRIVATE"}'}}]}]},
    "a part": {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "MY-DIAGNOSIS-IS-PRIVATE"},
        {"type": "image_url", "image_url": {"url": "data:,"}}]}]},
    "a name of a file": {"messages": [{"role": "user", "content": [
        {"type": "file", "file": {"file_data": "AAAA", "filename": "MY-DIAGNOSIS-IS-PRIVATE"}}]}]},
    "an image": {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:MY-DIAGNOSIS-IS-PRIVATE"}}]}]},
    "metadata": {"metadata": {"x": "MY-DIAGNOSIS-IS-PRIVATE"}},
    "user": {"user": "MY-DIAGNOSIS-IS-PRIVATE"},
    "a server's own field": {"extra": {"x": ["MY-DIAGNOSIS-IS-PRIVATE"]}},
    "a description": {"tools": [{"type": "function", "function": {
        "name": "f", "description": "MY-DIAGNOSIS-IS-PRIVATE"}}]},
    "a schema": {"response_format": {"type": "json_schema", "json_schema": {
        "name": "a", "schema": {"enum": ["MY-DIAGNOSIS-IS-PRIVATE"]}}}},
}  # fmt: skip


@pytest.mark.parametrize("stated", PRIVATE.values(), ids=PRIVATE)
def test_no_error_quotes_what_was_sent(stated: dict[str, Any]) -> None:
    """Whatever field it was in, when the server sends it back in its refusal."""
    request = ChatRequest(**{"messages": [{"role": "user", "content": "Hi"}]} | stated)
    words = "I cannot read MY-DIAGNOSIS-IS-PRIVATE, sorry"
    refusal = answer_json({"error": {"message": words}}, status="400 Bad Request")
    with asking(saying(refusal)) as backend, pytest.raises(BackendRejected) as caught:
        backend.complete(request, deadline=Deadline.after(10))
    assert "DIAGNOSIS" not in str(caught.value)
    assert "I cannot read [...]" in str(caught.value)


def test_a_key_in_a_servers_own_field_is_no_part_of_a_message() -> None:
    """As in the settings' `extra_body`."""
    request = ChatRequest(ChatRequest.of("Hi").messages, extra={"api_key": "s3-c-r-3-t"})
    refusal = answer_json({"error": "bad key s3-c-r-3-t"}, status="401 Unauthorized")
    with asking(saying(refusal)) as backend, pytest.raises(BackendRejected) as caught:
        backend.complete(request, deadline=Deadline.after(10))
    assert "s3-c" not in str(caught.value)


def test_a_chunk_of_thought_is_no_part_of_the_answer() -> None:
    """Another expert may still step in."""
    assert ChatChunk("1", "m", "", reasoning_content="Hm.").is_thought
    assert not ChatChunk("1", "m", "Dry.", reasoning_content="Hm.").is_thought
    assert not ChatChunk("1", "m", "", tool_calls=(ToolCallDelta(0, "1", "f"),)).is_thought
