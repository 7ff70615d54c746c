"""Every value of every body replaced by odd ones: a typed refusal, or a request; never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_router.chat.completion import ChatCompletion
from edge_router.errors import EdgeRouterError
from edge_router.server.wire import (
    chat,
    completions,
    embeddings,
    response_events,
    response_object,
    response_request,
    systemone,
)
from edge_router.server.wire.body import Asked, json_object
from edge_router.server.wire.errors import Refused, refusal_of
from edge_router.server.wire.events import json_bytes
from edge_router.server.wire.outcome import Outcome

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**30, float("nan"), "", "x", "\x00", "a\r\nb", [], [[]], [None],
    [{}], {}, {"type": []}, {"type": {}}, {"": ""}, [{"type": []}], [{"role": []}],
)  # fmt: skip
PART = {"type": "text", "text": "hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FORM = {"name": "n", "schema": {"type": "object"}, "strict": True}
CHAT = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "s", "name": "n"},
        {"role": "user", "content": [PART, IMAGE, SOUND]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": FORM},
    "stop": ["a"], "seed": 1, "temperature": 0.5, "top_p": 0.5, "max_tokens": 5, "n": 1,
    "logprobs": True, "top_logprobs": 2, "user": "u", "metadata": {"a": "b"}, "stream": True,
    "stream_options": {"include_usage": True}, "reasoning_effort": "low", "top_k": 4,
}  # fmt: skip
RESPONSE = {
    "model": "auto",
    "instructions": "s",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"},
                                     {"type": "input_image", "image_url": "https://x.org/a.png"},
                                     {"type": "input_file", "file_id": "f"}]},
        {"type": "reasoning", "content": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "r"},
    ],
    "tools": [{"type": "function", **FUNCTION}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", **FORM}},
    "reasoning": {"effort": "low", "summary": "auto"}, "metadata": {"a": "b"}, "stream": True,
    "max_output_tokens": 5,
    "previous_response_id": None, "temperature": 0.5,
}  # fmt: skip
TEXT = {"prompt": "hi", "n": 1, "best_of": 1, "logprobs": None, "suffix": None, "stop": "a",
        "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 5}  # fmt: skip
EMBED = {"input": ["hi"], "encoding_format": "float", "dimensions": 384}
FACTS = systemone.Facts(0.5, 0.5, {"everyday/x": 1.0}, {"local": 1.0})
QUESTION = {"type": "choice", "instructions": "expert", "criteria": {"local": "l"}}
TYPED = {
    "state": {"a": "b"},
    "questions": {"q": QUESTION, "w": {"type": "noul", "instructions": "difficulty"}},
}

DONE = Outcome("1", "m")


def replied(asked: Asked) -> bytes:
    """The reply to what is asked, which repeats some of it."""
    events = b"".join(response_events.ResponseEvents(asked, DONE).begin())
    return events + json_bytes(
        response_object.reply(asked, ChatCompletion("1", "m", "hi", "stop"), DONE)
    )


PARSERS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], object]]] = {
    "chat": (CHAT, lambda body: chat.asked(body, max_tokens=9)),
    "responses": (RESPONSE, lambda body: replied(response_request.asked(body, max_tokens=9))),
    "completions": (TEXT, lambda body: completions.asked(body, max_tokens=9)),
    "embeddings": (EMBED, lambda body: embeddings.texts_of(body, dim=384)),
    "systemone": (TYPED, lambda body: systemone.replied(body, lambda _: FACTS, "m")),
}


def replaced(value: Any) -> Iterator[Any]:
    """`value` with each of its parts, itself first, replaced by each odd one, one at a time."""
    yield from ODD
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    for key, one in inner:
        for other in replaced(one):
            copy = value.copy()
            copy[key] = other
            yield copy


@pytest.mark.parametrize("endpoint", PARSERS)
def test_an_odd_value_is_refused_by_name_or_read(endpoint: str) -> None:
    """A refusal is JSON and no fault of the server."""
    good, parse = PARSERS[endpoint]
    assert parse(good)
    for body in replaced(good):
        if not isinstance(body, dict):  # the reader of bodies refuses it
            continue
        refused: Exception | None = None
        try:
            parse(json_object(json.dumps(body).encode()))
        except systemone.NotAsked as error:
            json_bytes(error.to_json())
        except (EdgeRouterError, Refused) as error:
            refused = error
        assert refused is None or refusal_of(refused).status < 500


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_no_reply_could_repeat_is_refused(number: str) -> None:
    """At once: the answer would be paid for, and its reply could not be written."""
    body = f'{{"input": "hi", "reasoning": {{"summary": [{number}]}}}}'
    with pytest.raises(Refused, match="not JSON"):
        json_object(body.encode())
