"""/v1/completions: one prompt, for old clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_router.chat.completion import ChatChunk, ChatCompletion, Usage
from edge_router.server.wire.completions import TextEvents, asked, reply
from edge_router.server.wire.errors import Refused
from edge_router.server.wire.outcome import Outcome

BODY = {"model": "auto", "prompt": "Why?"}
OUTCOME = Outcome("7", "cloud", Usage(3, 4), {"edge_router": {"expert": "cloud"}})


@pytest.mark.parametrize("prompt", ["Why?", ["Why?"]])
def test_a_prompt_is_the_users_turn(prompt: Any) -> None:
    """What else is stated goes along."""
    request = asked({**BODY, "prompt": prompt, "stop": ["x"]}, max_tokens=9).request
    assert (request.question, request.stop, request.max_tokens) == ("Why?", ("x",), 9)


@pytest.mark.parametrize(
    "fields",
    [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": None}, {"echo": True},
     {"tools": [{}]}, {"suffix": "x"}, {"logprobs": 3}, {"n": 2}, {"best_of": 2},
     {"logit_bias": {"1": 1}}],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(fields: dict[str, Any]) -> None:
    """By its name."""
    with pytest.raises(Refused, match=next(iter(fields))):
        asked(BODY | fields, max_tokens=9)


def test_fields_that_ask_for_nothing_pass() -> None:
    """Old clients send them all."""
    idle = {"echo": False, "suffix": None, "n": 1, "logprobs": None}
    assert asked(BODY | idle, max_tokens=9).request == asked(BODY, max_tokens=9).request


def test_a_whole_answer() -> None:
    """As OpenAI's text completion."""
    answer = ChatCompletion("1", "m", "So.", "length")
    made = reply(asked(BODY, max_tokens=9), answer, OUTCOME)
    assert (made["id"], made["object"]) == ("cmpl-7", "text_completion")
    assert made["choices"][0] == {
        "text": "So.", "index": 0, "logprobs": None, "finish_reason": "length",
    }  # fmt: skip
    assert (made["usage"]["total_tokens"], made["edge_router"]) == (7, {"expert": "cloud"})


@pytest.mark.parametrize("usage", [True, False])
def test_a_stream(usage: bool) -> None:
    """The last chunk before the end has the decision."""
    body = BODY | {"stream": True, "stream_options": {"include_usage": usage}}
    events = TextEvents(asked(body, max_tokens=9), OUTCOME)
    pieces = [*events.begin(), *events.take(ChatChunk("1", "m", "So.", "stop"))]
    first, *_, last, done = [*pieces, *events.end(OUTCOME)]
    assert json.loads(first[6:])["choices"][0]["text"] == "So."
    assert done == b"data: [DONE]\n\n"
    final = json.loads(last[6:])
    assert final["edge_router"] == {"expert": "cloud"}
    assert (final["choices"] == []) is usage
