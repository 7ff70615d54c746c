"""What openai-python gets from a server: argument 1 is its URL. A failed check ends it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import openai
from openai.types.chat import ChatCompletion
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

URL = sys.argv[1]
ASK = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "object", "properties": {"city": {"type": "string"}},
    "required": ["city"], "additionalProperties": False,
}  # fmt: skip
client = openai.OpenAI(base_url=URL, api_key="any", max_retries=0)


def whole() -> None:
    answer = client.chat.completions.create(model="cloud", messages=ASK)
    assert answer.choices[0].message.content == "from the cloud", answer
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3
    assert answer.model == "cloud"
    decision: Any = answer.model_extra["edge_router"]
    assert decision["reason"] == "asked_by_name"
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=ASK)
    assert raw.headers["x-edge-router-expert"] == "cloud"
    assert raw.headers["x-edge-router-decision-id"] in raw.parse().id
    assert 0.0 < float(raw.headers["x-edge-router-quality"]) < 1.0


def streamed() -> None:
    options = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(
            model="local", messages=ASK, stream=True, stream_options=options
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "from here", text
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 2
    assert chunks[-1].model_extra["edge_router"]["expert"] == "local"
    with client.chat.completions.stream(model="local", messages=ASK) as events:
        kinds = {event.type for event in events}
        assert "content.delta" in kinds
        assert events.get_final_completion().choices[0].message.content == "from here"


async def asynchronous() -> None:
    async with openai.AsyncOpenAI(base_url=URL, api_key="any", max_retries=0) as one:
        answers = await asyncio.gather(
            *(one.chat.completions.create(model="local", messages=ASK) for _ in range(8))
        )
        assert {a.choices[0].message.content for a in answers} == {"from here"}
        stream = await one.chat.completions.create(model="cloud", messages=ASK, stream=True)
        text = [c.choices[0].delta.content or "" async for c in stream]
        assert "".join(text) == "from the cloud"


def tools() -> None:
    answer = client.chat.completions.create(model="caller", messages=ASK, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Ulm"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}
    again = [*ASK, answer.choices[0].message, result]
    answer = client.chat.completions.create(model="local", messages=again, tools=[WEATHER])
    assert answer.choices[0].message.content == "from here"
    with client.chat.completions.stream(model="caller", messages=ASK, tools=[WEATHER]) as events:
        final = events.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"city": "Ulm"}'


def json_schema() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    answer = client.chat.completions.create(model="writer", messages=ASK, response_format=form)
    assert answer.choices[0].message.content == '{"city":"Ulm"}'


def reasoning() -> None:
    answer = client.chat.completions.create(model="thinker", messages=ASK)
    assert answer.choices[0].message.model_extra["reasoning_content"].strip() == "let me see"
    chunks = client.chat.completions.create(model="thinker", messages=ASK, stream=True)
    thoughts = [(c.choices[0].delta.model_extra or {}).get("reasoning_content", "") for c in chunks]
    assert "".join(thoughts).strip() == "let me see"


def responses() -> None:
    answer = client.responses.create(model="local", input="Why?", instructions="Be short.")
    assert answer.output_text == "from here"
    assert (answer.status, answer.usage.output_tokens) == ("completed", 2)
    tool = {"type": "function", **WEATHER["function"], "strict": False}
    answer = client.responses.create(model="caller", input="Weather?", tools=[tool])
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert (call.name, call.arguments) == ("weather", '{"city": "Ulm"}')
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    turns = [{"role": "user", "content": "Weather?"}, *answer.output, result]
    assert client.responses.create(model="local", input=turns, tools=[tool]).output_text
    for model in ("local", "thinker", "caller"):
        with client.responses.stream(model=model, input="Why?", tools=[tool]) as events:
            kinds = [event.type for event in events]
            final = events.get_final_response()
        assert kinds[0] == "response.created", kinds
        assert kinds[-1] == "response.completed", kinds
        assert final.output, model


def shapes() -> None:
    """Every field that the library's own types need is there; it does not look by itself."""
    event_type: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for model in ("local", "thinker", "caller"):
        raw = client.chat.completions.with_raw_response.create(model=model, messages=ASK)
        ChatCompletion.model_validate(raw.http_response.json())
        raw = client.responses.with_raw_response.create(model=model, input="Why?")
        Response.model_validate(raw.http_response.json())
        raw = client.responses.with_raw_response.create(model=model, input="Why?", stream=True)
        lines = [one[6:] for one in raw.http_response.iter_lines() if one.startswith("data: {")]
        events = [event_type.validate_json(line) for line in lines]
        assert [event.sequence_number for event in events] == list(range(len(events)))


def others() -> None:
    names = [model.id for model in client.models.list()]
    assert names[:3] == ["auto", "performance", "cost"], names
    assert client.models.retrieve("local").id == "local"
    text = client.completions.create(model="local", prompt="Why?", max_tokens=9)
    assert text.choices[0].text == "from here"
    pieces = client.completions.create(model="local", prompt="Why?", stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == "from here"
    for form in ({}, {"encoding_format": "float"}):  # the default of the client is base64
        data = client.embeddings.create(model="auto", input=["a cat", "a dog"], **form).data
        assert len(data) == 2
        assert abs(sum(x * x for x in data[0].embedding) - 1) < 1e-3


def errors() -> None:
    raised(openai.NotFoundError, model="nobody", code="model_not_found")
    raised(openai.BadRequestError, model="local", code="invalid_request", stop=7)
    raised(openai.InternalServerError, model="down", code="no_expert_answered")
    raised(openai.InternalServerError, model="refuser", code="expert_rejected")
    raised(openai.APITimeoutError, model="slow", timeout=0.5)
    try:
        list(client.chat.completions.create(model="breaker", messages=ASK, stream=True))
        raise AssertionError("a stream that broke off ended well")
    except openai.APIError as error:
        assert "broke" in str(error), error


def raised(kind: type[Exception], *, code: str | None = None, **fields: Any) -> None:
    """Ask, and be refused."""
    try:
        client.chat.completions.create(messages=ASK, **fields)
    except kind as error:
        assert code in (None, getattr(error, "code", None)), (code, error)
        return
    raise AssertionError(f"{kind.__name__} was not raised")


for check in (whole, streamed, tools, json_schema, reasoning, responses, shapes, others, errors):
    check()
asyncio.run(asynchronous())
print("all well")
