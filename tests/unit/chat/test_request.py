"""Requests: all that OpenAI's chat API lets one ask for, checked, and what they need of experts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_router.chat.capability import Capability
from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.chat.tools import NamedTool, ResponseFormat, Tool
from edge_router.errors import InvalidRequest

HELLO = Message("user", "Hello")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
EVERYTHING: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 7,
    "temperature": 0.5,
    "stop": ["x"],
    "seed": 1,
    "tools": [WEATHER],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "response_format": FORM,
    "top_p": 0.9,
    "presence_penalty": -1.0,
    "frequency_penalty": 2.0,
    "logprobs": True,
    "top_logprobs": 3,
    "reasoning_effort": "high",
    "user": "ann",
    "metadata": {"order": "4711"},
}


def test_everything_survives_json() -> None:
    """Every field by its name, in OpenAI's shape."""
    request = ChatRequest(**EVERYTHING, extra={"top_k": 5})
    assert json.loads(json.dumps(request.to_json())) == EVERYTHING | {"extra": {"top_k": 5}}
    assert ChatRequest(**request.to_json()) == request
    assert request.tool_choice == NamedTool("weather")


def test_a_body_of_openai_s_becomes_a_request() -> None:
    """null means unset; what OpenAI does not have is a server's own field."""
    body = EVERYTHING | {"model": "m", "stream": True, "stream_options": {}, "top_k": 5, "n": 1}
    made = ChatRequest.from_openai(body | {"seed": None, "max_completion_tokens": 9})
    assert made == ChatRequest(**EVERYTHING | {"seed": None, "max_tokens": 9}, extra={"top_k": 5})
    assert ChatRequest.from_openai({"messages": [HELLO]}) == ChatRequest((HELLO,))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "must be a JSON object with 'messages'"),
        ({}, "must be a JSON object with 'messages'"),
        ({"messages": [HELLO], "functions": [{}]}, "functions is the old form of tools"),
        ({"messages": [HELLO], "function_call": "auto"}, "is the old form of tool_choice"),
        ({"messages": [HELLO], "n": 2}, "n is 2; one answer is given, so it must be 1"),
    ],
)
def test_a_body_that_is_none_is_refused(body: Any, words: str) -> None:
    """With what to write instead."""
    with pytest.raises(InvalidRequest, match=words):
        ChatRequest.from_openai(body)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("n", 3, "n is 3; one answer is given, so it must be 1"),
        ("n", True, "n is True; one answer"),
        ("max_completion_tokens", 0, "max_tokens is 0; it must be 1 or more"),
        ("top_p", 1.5, "top_p is 1.5; it must be a number from 0 to 1"),
        ("presence_penalty", "1", "presence_penalty is '1'; it must be a number from -2 to 2"),
        ("frequency_penalty", -3, "frequency_penalty is -3; it must be a number from -2 to 2"),
        ("logprobs", 5, "logprobs is 5; it must be True or False"),
        ("top_logprobs", 2, "top_logprobs is 2, but logprobs is off; add logprobs=True"),
        ("reasoning_effort", "max", "reasoning_effort is 'max'; use one of none, minimal, low"),
        ("parallel_tool_calls", 1, "parallel_tool_calls is 1; it must be True or False"),
        ("tool_choice", "required", "tool_choice is 'required', but there are no tools"),
        ("tool_choice", "any", "tool_choice is 'any'; use one of none, auto, required"),
        ("tool_choice", NamedTool("f"), "tool_choice names 'f', which is no tool here"),
        ("tool_choice", {"type": "allowed_tools"}, "tool_choice is of type 'allowed_tools'; use a"),
        ("tools", "weather", "tools must be a list of tools, not str"),
        ("tools", [{"type": "custom"}], "a tool is of type 'custom'; only 'function'"),
        ("tools", [{"type": "function"}], "a tool must be {'type': 'function'"),
        ("tools", [WEATHER, WEATHER], "two tools are called 'weather'"),
        ("tools", [Tool("a"), 3], "a tool must be {'type'"),
        ("response_format", "json", "response_format must be a dict with 'type', not str"),
        ("response_format", {"type": "xml"}, "type of response_format is 'xml'; use one of text"),
        ("response_format", {"type": "json_schema"}, "of type 'json_schema' needs a schema"),
        ("user", 3, "user must be text, not int"),
        ("metadata", {"a": 1}, "metadata must map texts of 64 characters at most to texts of 512"),
        ("metadata", {str(i): "x" for i in range(17)}, "metadata is 17 pairs; .* 16 at most"),
        ("extra", {"tools": []}, "extra must not hold 'tools'; it is a field of its own"),
        ("extra", {"n": 2}, "extra must not hold 'n'"),
        ("extra", {"a": object()}, "extra holds something that JSON cannot write"),
        ("extra", [1], "extra must be a dict with texts as keys"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(setting: str, value: Any, words: str) -> None:
    """By its name, its value and what would be right."""
    with pytest.raises(InvalidRequest, match=words):
        ChatRequest((HELLO,), **{setting: value})


def test_many_tools_take_no_more_than_their_number() -> None:
    """Comparing each name with every other one would take minutes."""
    tools = [Tool(f"f{number}") for number in range(10_000)]
    assert len(ChatRequest((HELLO,), tools=tools).tools) == 10_000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (lambda: Tool("a b"), "the name of a tool is 'a b'; it must be 1 to 64 letters"),
        (lambda: Tool("a", 3), "the description of the tool 'a' must be text, not int"),  # type: ignore[arg-type]
        (lambda: Tool("a", "\ud83d"), "JSON cannot write"),
        (
            lambda: ResponseFormat("json_schema", schema={}, description="\ud83d"),
            "JSON cannot write",
        ),
        (lambda: Tool("a", "", [1]), "parameters of the tool 'a' must be a JSON schema"),  # type: ignore[arg-type]
        (lambda: Tool("a", "", {"x": float("nan")}), "holds something that JSON cannot write"),
        (lambda: Tool("a", strict=1), "strict of the tool 'a' is 1; use True or False"),  # type: ignore[arg-type]
        (lambda: ResponseFormat("text", schema={}), "has no use for a schema"),
    ],
)
def test_a_tool_that_cannot_be_is_refused(tool: Any, words: str) -> None:
    """When it is made, not when it is sent."""
    with pytest.raises(InvalidRequest, match=words):
        tool()


def test_a_schema_cannot_be_changed_afterwards() -> None:
    """Another thread may send it."""
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"enum": ["x"]}}}
    tool = Tool("f", "", schema)
    schema["properties"]["a"]["enum"].append("y")
    assert tool.to_json()["function"]["parameters"]["properties"]["a"]["enum"] == ("x",)
    with pytest.raises(TypeError, match="frozen"):
        tool.parameters["type"] = "array"  # type: ignore[index]


PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PAPER = {"type": "file", "file": {"file_id": "f-1"}}
CALLED = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}


@pytest.mark.parametrize(
    ("settings", "parts", "needs"),
    [
        ({}, "Hello", set()),
        ({"tool_choice": "none", "temperature": 1, "user": "ann"}, "Hello", set()),
        ({"response_format": {"type": "json_object"}}, "Hello", set()),
        ({"reasoning_effort": "minimal"}, "Hello", set()),
        ({"tools": [WEATHER]}, "Hello", {Capability.TOOLS}),
        ({"response_format": FORM}, "Hello", {Capability.JSON_SCHEMA}),
        ({"reasoning_effort": "low"}, "Hello", {Capability.REASONING}),
        ({"logprobs": True}, "Hello", {Capability.LOGPROBS}),
        ({}, [PICTURE], {Capability.VISION}),
        ({}, [PICTURE, SOUND, PAPER], {Capability.VISION, Capability.AUDIO, Capability.FILES}),
    ],
)
def test_what_a_request_needs_of_an_expert(settings: Any, parts: Any, needs: Any) -> None:
    """Text, its length and its sampling need nothing."""
    assert ChatRequest([{"role": "user", "content": parts}], **settings).needs == needs  # type: ignore[arg-type]


def test_a_conversation_in_which_tools_were_called_needs_them() -> None:
    """Even where none are offered any more."""
    assert ChatRequest.of([HELLO, CALLED]).needs == {Capability.TOOLS}


def test_an_image_on_a_server_has_to_be_fetched() -> None:
    """One in the request does not."""
    assert ChatRequest.of([{"role": "user", "content": [PICTURE]}]).has_remote_parts
    assert not ChatRequest.of([{"role": "user", "content": [SOUND]}]).has_remote_parts


def test_what_people_wrote_anywhere_is_private() -> None:
    """Descriptions, examples, metadata and a server's own fields too; names of fields are not."""
    described = Tool("f", "MINE 1", {"type": "object", "properties": {"a": {"enum": ["MINE 2"]}}})
    request = ChatRequest(
        (HELLO,), tools=(described,), user="MINE 3", metadata={"k": "MINE 4"}, stop=("MINE 5",),
        extra={"a": [{"b": "MINE 6"}]}, response_format={"type": "json_schema", "json_schema": {
            "name": "n", "schema": {"description": "MINE 7"}, "description": "MINE 8"}},
    )  # type: ignore[arg-type]  # fmt: skip
    assert {f"MINE {n}" for n in range(1, 9)} <= {*request.private_texts}
    assert "object" not in request.private_texts
