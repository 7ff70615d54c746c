"""/v1/responses: its body as a chat request, its object and its events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_router.chat.completion import ChatChunk, ChatCompletion, ToolCall, ToolCallDelta, Usage
from edge_router.errors import InvalidRequest
from edge_router.server.wire.body import Asked
from edge_router.server.wire.errors import Refused
from edge_router.server.wire.outcome import Outcome
from edge_router.server.wire.response_events import ResponseEvents
from edge_router.server.wire.response_object import reply
from edge_router.server.wire.response_request import asked

OUTCOME = Outcome("7", "cloud", Usage(3, 4), {"edge_router": {"expert": "cloud"}})
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
CALLS = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "function_call", "call_id": "1", "name": "weather", "arguments": "{}"},
    {"type": "function_call", "call_id": "2", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "1", "output": "12 degrees"},
    {
        "type": "function_call_output",
        "call_id": "2",
        "output": [{"type": "input_text", "text": "9"}],
    },
]


def ask(stated: Any = "Why?", **fields: Any) -> Asked:
    return asked({"model": "auto", "input": stated} | fields, max_tokens=9)


def events_of(*chunks: ChatChunk) -> list[Any]:
    """The events of a streamed answer, as a client reads them."""
    events = ResponseEvents(ask(), OUTCOME)
    pieces = [*events.begin(), *(p for chunk in chunks for p in events.take(chunk))]
    read = [json.loads(piece.partition(b"data: ")[2]) for piece in [*pieces, *events.end(OUTCOME)]]
    assert [event["sequence_number"] for event in read] == list(range(len(read)))
    return read


def chunk(text: str = "", **fields: Any) -> ChatChunk:
    return ChatChunk("1", "m", text, **fields)


def test_a_text_with_instructions() -> None:
    """A system message and a user's turn."""
    request = ask("Why?", instructions="Be short.", max_output_tokens=5).request
    assert [m.role for m in request.messages] == ["system", "user"]
    assert (request.question, request.max_tokens) == ("Why?", 5)
    assert ask().request.max_tokens == 9


def test_items_become_turns() -> None:
    """Calls that follow each other are one turn; what was thought is left out."""
    messages = ask(CALLS, tools=[TOOL]).request.messages
    assert [m.role for m in messages] == ["user", "assistant", "tool", "tool"]
    assert [call.id for call in messages[1].tool_calls] == ["1", "2"]
    assert (messages[2].text, messages[3].text) == ("12 degrees", "9")


def test_forms_choices_and_effort_are_put_as_chat_has_them() -> None:
    """Flat there, nested here."""
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}
    request = ask(
        tools=[TOOL], tool_choice={"type": "function", "name": "weather"},
        text={"format": form}, reasoning={"effort": "low"},
    ).request  # fmt: skip
    assert request.response_format is not None
    assert (request.response_format.name, request.reasoning_effort) == ("x", "low")
    assert request.tools[0].name == "weather"
    assert request.to_json()["tool_choice"]["function"]["name"] == "weather"


def test_images_and_files_pass() -> None:
    """As parts of OpenAI's chat."""
    parts = [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a"},
    ]
    (message,) = ask([{"role": "user", "content": parts}]).request.messages
    assert [part.type for part in message.media] == ["image_url", "file"]


@pytest.mark.parametrize(
    "fields",
    [{"previous_response_id": "resp_1"}, {"conversation": "c"}, {"background": True},
     {"prompt": {"id": "p"}}, {"top_logprobs": 3}, {"input": 7}, {"input": [7]},
     {"input": [{"type": "item_reference", "id": "x"}]}, {"tools": [{"type": "web_search"}]},
     {"tools": {}}, {"tool_choice": {"type": "mcp"}}, {"text": "x"}, {"reasoning": []},
     {"input": None}, {"input": []}, {"input": [{"role": "user", "content": [{"type": "x"}]}]}],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(fields: dict[str, Any]) -> None:
    """Nothing is kept here, and only functions are tools."""
    with pytest.raises((Refused, InvalidRequest)):
        asked({"model": "auto", "input": "Why?"} | fields, max_tokens=9)


def test_a_whole_answer_is_a_list_of_items() -> None:
    """Thoughts, the text, calls; cut off means incomplete."""
    call = ToolCall("1", "weather", "{}")
    answer = ChatCompletion("1", "m", "Hi.", "length", tool_calls=(call,), reasoning_content="hm")
    made = reply(ask(store=True), answer, OUTCOME)
    assert [item["type"] for item in made["output"]] == ["reasoning", "message", "function_call"]
    assert made["output"][1]["content"][0]["text"] == "Hi."
    assert (made["status"], made["incomplete_details"]["reason"]) == (
        "incomplete",
        "max_output_tokens",
    )
    assert (made["store"], made["usage"]["input_tokens"]) == (False, 3)
    assert made["usage"]["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    assert made["edge_router"] == {"expert": "cloud"}


def test_a_refusal_is_a_part_of_its_own() -> None:
    """And no text."""
    made = reply(ask(), ChatCompletion("1", "m", "No.", "stop", refusal="No."), OUTCOME)
    assert made["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    late = reply(ask(), ChatCompletion("1", "m", "I can not.", "stop", refusal=" not."), OUTCOME)
    assert [part["type"] for part in late["output"][0]["content"]] == ["output_text", "refusal"]
    assert late["output"][0]["content"][0]["text"] == "I can"


def test_items_open_grow_and_close() -> None:
    """In the order of the stream; the last event has it all."""
    call = [ToolCallDelta(0, "1", "weather", '{"ci'), ToolCallDelta(0, None, None, 'ty": 1}')]
    events = events_of(
        chunk(reasoning_content="hm"), chunk("H"), chunk("i"),
        chunk(tool_calls=(call[0],)), chunk(tool_calls=(call[1],), finish_reason="tool_calls"),
    )  # fmt: skip
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds == [
        "created", "in_progress",
        "output_item.added", "reasoning_text.delta", "reasoning_text.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
        "output_item.done", "completed",
    ]  # fmt: skip
    assert [item["type"] for item in events[-1]["response"]["output"]] == [
        "reasoning", "message", "function_call",
    ]  # fmt: skip
    assert events[-1]["response"]["output"][2]["arguments"] == '{"city": 1}'
    assert events[-1]["response"]["edge_router"] == {"expert": "cloud"}


def test_an_empty_answer_is_an_empty_message() -> None:
    """Clients look for one."""
    events = events_of(chunk(finish_reason="stop"))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_a_broken_stream_fails_by_name() -> None:
    """With what was said so far."""
    events = ResponseEvents(ask(), OUTCOME)
    (failed,) = events.fail(Refused(502, "it broke", code="expert_broke_off"))
    read = json.loads(failed.partition(b"data: ")[2])
    assert (read["type"], read["response"]["status"]) == ("response.failed", "failed")
