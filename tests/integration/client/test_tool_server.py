"""A whole round with tools through a server on loopback, by the sync and the async client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from edge_router import AsyncEdgeRouter, ChatRequest, Config, EdgeRouter, ExpertConfig, Message
from edge_router.chat.completion import ToolCall
from edge_router.chat.tools import Tool

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = ChatRequest(
    (Message("user", "Will it rain in Ulm?"),),
    tools=(Tool("weather", "The weather of a city.", CITY),),
    tool_choice="auto",
    parallel_tool_calls=False,
)


@dataclass
class ToolServer:
    """An OpenAI-compatible server that calls the first tool it gets, and answers by its result."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def events(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What a model that calls tools streams."""
        self.bodies.append(body)
        last = body["messages"][-1]
        yield {"delta": {"role": "assistant", "content": None}}
        if last["role"] == "tool":
            for word in ("It ", "will: ", last["content"]):
                yield {"delta": {"content": word}}
            yield {"delta": {}, "finish_reason": "stop"}
            return
        name = body["tools"][0]["function"]["name"]
        call = {"index": 0, "id": "call_1", "type": "function"}
        yield {"delta": {"tool_calls": [call | {"function": {"name": name, "arguments": ""}}]}}
        for part in ('{"ci', 'ty": ', '"Ulm"}'):
            yield {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}
        yield {"delta": {}, "finish_reason": "tool_calls"}


@pytest.fixture
def server() -> Iterator[ToolServer]:
    """It runs for one test."""
    model = ToolServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for choice in model.events(body):
                self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        model.url = f"http://127.0.0.1:{running.server_port}/v1"
        yield model
        running.shutdown()
        thread.join()


def config(server: ToolServer) -> Config:
    """A local model that knows no tools, and the server."""
    able = ExpertConfig("openai", "tools", "8b", base_url=server.url)
    return Config(experts={"local": LOCAL, "near": able}, min_gain=1.0)


def test_a_question_a_call_a_result_and_an_answer(server: ToolServer) -> None:
    """The cheaper local model is ruled out for it, and the record says so."""
    with EdgeRouter(config(server)) as router:
        called = router.complete(QUESTION)
        assert called.tool_calls == (ToolCall("call_1", "weather", '{"city": "Ulm"}'),)
        assert called.finish_reason == "tool_calls"
        assert called.record.decision.excluded["local"] == "no_tools"
        city = json.loads(called.tool_calls[0].arguments)["city"]
        result = Message("tool", f"9 mm in {city}", tool_call_id=called.tool_calls[0].id)
        answer = router.complete(QUESTION.with_messages(called.message, result))
    assert answer.text == "It will: 9 mm in Ulm"
    assert server.bodies[0]["tools"] == json.loads(json.dumps([QUESTION.tools[0].to_json()]))
    assert [m["role"] for m in server.bodies[1]["messages"]] == ["user", "assistant", "tool"]
    assert server.bodies[1]["messages"][1]["tool_calls"][0]["function"]["name"] == "weather"


def test_the_async_client_goes_the_same_round(server: ToolServer) -> None:
    """Several of them at once."""

    async def one(router: AsyncEdgeRouter, number: int) -> str:
        called = await router.complete(QUESTION)
        (call,) = called.tool_calls
        result = Message("tool", f"{number} mm", tool_call_id=call.id)
        asked = QUESTION.with_messages(called.message, result)
        return "".join([chunk.delta async for chunk in router.stream(asked)])

    async def main() -> list[str]:
        async with AsyncEdgeRouter(config(server)) as router:
            return await asyncio.gather(*(one(router, number) for number in range(8)))

    assert asyncio.run(main()) == [f"It will: {number} mm" for number in range(8)]
