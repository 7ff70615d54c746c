"""Replies that only resemble the protocol: other layouts, other words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asking import (
    DONE,
    WHOLE,
    answer_to,
    both_verbs,
    complete,
    failure_of,
    reason_of,
    saying,
    text_of,
)
from edge_router.errors import BackendProtocolError, BackendUnavailable
from fault_server import answer

FRAMES = [
    {"choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"choices": [{"index": 0, "delta": {"content": "lo."}, "finish_reason": "stop"}]},
]
LINES = [json.dumps(frame) for frame in FRAMES]


def _frames(*frames: Any) -> str:
    return "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames)


def _choice(**choice: Any) -> dict[str, Any]:
    return {"choices": [choice]}


GOOD = _frames(*FRAMES) + "data: [DONE]\n\n"


@both_verbs
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(GOOD.replace("\n\n", "\n"), id="single line breaks"),
        pytest.param(_frames(*FRAMES).rstrip(), id="last line not ended"),
        pytest.param("\n".join([*LINES, "[DONE]"]), id="lines and DONE"),
        pytest.param("\n".join([*LINES, "data: [DONE]"]), id="lines and data DONE"),
        pytest.param("".join(LINES), id="objects in a row"),
        pytest.param(json.dumps(FRAMES, indent=1), id="array"),
        pytest.param(json.dumps([WHOLE]), id="array of one"),
        pytest.param(json.dumps(WHOLE) + "garbage", id="garbage behind"),
        pytest.param(json.dumps(WHOLE) * 2, id="twice"),
        pytest.param(_frames(_choice(text="Hello.", finish_reason="stop")) + DONE, id="legacy"),
        pytest.param(_frames(_choice(delta="Hello.", finish_reason="stop")), id="delta is text"),
        pytest.param(
            _frames(_choice(delta={}, message={"content": "Hello."}, finish_reason="stop")),
            id="empty delta beside a message",
        ),
        pytest.param(_frames({"choices": [None]}) + GOOD, id="null choice"),
        pytest.param(_frames({"choices": {}}) + GOOD, id="choices are an object"),
        pytest.param(_frames({"choices": False}) + GOOD, id="choices are false"),
        pytest.param("data: heartbeat [1]\n\n" + GOOD, id="heartbeat"),
        pytest.param(
            GOOD.replace('{"ch', '{"error": {"code": 0, "message": ""}, "ch'), id="code 0"
        ),
        pytest.param(
            _frames(
                {"choices": [{"index": 1, "delta": {"content": "no"}}, FRAMES[0]["choices"][0]]}
            )
            + _frames({"choices": [{"index": 1, "delta": {"content": "no"}}]}, FRAMES[1]),
            id="several choices",
        ),
        pytest.param(GOOD + "data: {broken\n\n", id="broken frame behind the answer"),
    ],
)
def test_an_answer_in_another_layout_is_read(verb: Any, body: str) -> None:
    """Streamed or whole, nothing of it is lost."""
    result = answer_to(verb, saying(answer(body)))
    assert (text_of(result), reason_of(result)) == ("Hello.", "stop")


@both_verbs
def test_a_line_separator_in_a_text_ends_no_line(verb: Any) -> None:
    """U+2028 is a character like any other."""
    frames = [_choice(delta={"content": "a}\u2028{b"}), _choice(delta={}, finish_reason="stop")]
    body = "\n".join(json.dumps(frame, ensure_ascii=False) for frame in frames)
    assert text_of(answer_to(verb, saying(answer(body)))) == "a}\u2028{b"


@both_verbs
def test_a_broken_frame_in_the_midst_is_an_error(verb: Any) -> None:
    """Text may be lost with it."""
    body = _frames(FRAMES[0]) + "data: {broken\n\n" + _frames(FRAMES[1])
    assert isinstance(failure_of(verb, saying(answer(body))), BackendProtocolError)


@both_verbs
def test_an_answer_of_done_alone_is_an_error(verb: Any) -> None:
    """Silence is no answer."""
    assert isinstance(failure_of(verb, saying(answer(DONE))), BackendProtocolError)


@both_verbs
@pytest.mark.parametrize("kind", ["text_delta", "input_text", "Text", "markdown", ""])
def test_parts_of_other_kinds_that_carry_text_are_shown(verb: Any, kind: str) -> None:
    """But not what the model thinks."""
    content = [{"type": "reasoning_text", "text": "hm"}, {"type": kind, "text": "Hello."}]
    body = _frames(_choice(delta={"content": content}, finish_reason="stop"))
    assert text_of(answer_to(verb, saying(answer(body)))) == "Hello."


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        *((word, "length") for word in ("max_length", "token_limit", "LENGTH_LIMIT", "incomplete")),
        *((word, "length") for word in ("context_length_exceeded", "FinishReason.MAX_TOKENS")),
        ({"type": "length"}, "length"),
        *((word, "content_filter") for word in ("PROHIBITED_CONTENT", "blocklist", "sensitive")),
        ("guardrail_intervened", "content_filter"),
        *((word, "stop") for word in ("eos", "end_turn", "stop_sequence", "STOP", "unknown")),
    ],
)
def test_a_reason_is_known_by_its_words(reason: Any, meaning: str) -> None:
    """Length, filter, or it stopped."""
    body = _frames(_choice(delta={"content": "a"}), _choice(delta={}, finish_reason=reason))
    assert reason_of(answer_to(complete, saying(answer(body)))) == meaning


@pytest.mark.parametrize(
    "reason", ["network_error", "insufficient_system_resource", "cancelled", "timeout"]
)
def test_a_reason_that_means_a_failure_is_one(reason: str) -> None:
    """The text before it is half an answer."""
    body = _frames(_choice(delta={"content": "a"}), _choice(delta={}, finish_reason=reason))
    assert isinstance(failure_of(complete, saying(answer(body))), BackendUnavailable)
