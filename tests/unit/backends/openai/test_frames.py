"""What servers really send: text in parts, frames that are no chunks, odd labels."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import (
    ASK,
    DONE,
    WHOLE,
    answer_to,
    asking,
    both_verbs,
    complete,
    failure_of,
    frame,
    reason_of,
    said_by,
    saying,
    stream,
    streaming,
    text_of,
)
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.events import joined, split_pair
from edge_router.errors import BackendProtocolError, BackendRejected
from fault_server import STREAM_HEAD, Peer, answer, answer_json, event, piece

# Text in other shapes


THINK = {"type": "thinking", "thinking": [{"type": "text", "text": "seven times six"}]}
TEXT = {"type": "text", "text": "It is 42."}


@pytest.mark.parametrize(
    "deltas",
    [
        [[THINK], "It is ", "42."],
        [[THINK, TEXT]],
        [[], "It is 42."],
        ["It ", [{"type": "text", "text": "is "}], "42."],
        [TEXT],
        [["It is ", {"text": "42."}]],
        [[{"type": "output_text", "text": {"value": "It is 42."}}, None]],
        [[{"type": "text", "text": None}, TEXT, {"type": "image_url", "image_url": {}}]],
    ],
)
def test_content_in_parts_is_joined_without_the_thinking(deltas: list[Any]) -> None:
    """Only parts with text are the answer, in streams and in whole replies."""
    assert said_by(*(frame({"content": delta}) for delta in deltas), DONE)[0] == "It is 42."
    parts = [part for d in deltas for part in (d if isinstance(d, list) else [d])]
    reply = answer_json({"choices": [{"message": {"content": parts}}]})
    assert answer_to(complete, saying(reply)).text == "It is 42."


@pytest.mark.parametrize("delta", [{"content": [THINK]}, {"reasoning_details": [{"text": "hm"}]}])
def test_thinking_in_parts_counts_as_a_first_token(delta: dict[str, Any]) -> None:
    """A server that shows thinking parts is at work."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + frame(delta))
        peer.pause(0.25)
        peer.send(piece("late", finish="stop"))

    assert text_of(answer_to(stream, script, first_token_timeout_s=0.2)) == "late"


@both_verbs
def test_a_refusal_is_the_answer_and_says_so(verb: Any) -> None:
    """The words of a refusal are shown, and the reason is content_filter."""
    choice = {"message": {"content": None, "refusal": "I can't help."}, "finish_reason": "stop"}
    parts = [frame({"refusal": "I can't "}), frame({"refusal": "help."}, "stop"), DONE]
    script = saying(answer_json({"choices": [choice]})) if verb is complete else streaming(*parts)
    told = answer_to(verb, script)
    assert (text_of(told), reason_of(told)) == ("I can't help.", "content_filter")


def test_halves_of_a_character_find_each_other() -> None:
    """A surrogate pair cut in two by the server is one character again."""
    high, low = (
        f'data: {{"choices":[{{"delta":{{"content":"{half}"}}}}]}}\n\n'
        for half in ("x\\ud83d", "\\udc4dy")
    )
    assert said_by(high, low, DONE)[0] == "x\U0001f44dy"
    assert said_by(high, frame({}), low, DONE)[0] == "x\U0001f44dy"


def test_a_half_alone_is_replaced() -> None:
    """Half a character can be in no text, so it becomes U+FFFD, also at the very end."""
    lone = 'data: {"choices":[{"delta":{"content":"x\\ud83d"}}]}\n\n'
    assert said_by(lone, DONE)[0] == "x\ufffd"
    assert said_by(lone, piece("z"), DONE)[0] == "x\ufffdz"
    reply = answer('{"choices":[{"message":{"content":"\\udc4dx\\ud83d"}}]}')
    assert answer_to(complete, saying(reply)).text == "\ufffdx\ufffd"


@given(st.text(st.characters() | st.sampled_from("\ud83d\udc4d")), st.lists(st.integers(0, 30)))
def test_any_text_cut_anywhere_is_joined_alike(text: str, cuts: list[int]) -> None:
    """Where a server cuts its text makes no difference, and the result can be written."""
    told, half, at = "", "", 0
    for cut in [*sorted(cuts), len(text)]:
        ready, half = split_pair(half + text[at:cut])
        told, at = told + ready, max(at, cut)
    told += joined(half)
    assert told == joined(text)
    told.encode()


# Frames that are no chunks, and replies of another kind


@pytest.mark.parametrize(
    "frame",
    [
        *("null", "7", "true", "ping", '"ping"', "keep-alive", "-1.5e3", {"type": "ping"}, []),
        *(
            {"choices": None},
            {"choices": []},
            {"id": "x", "choices": None},
            {},
            {"message": "wait"},
        ),
        *({"object": "chat.completion.chunk"}, {"usage": None}, [1, 2]),
    ],
)
def test_frames_that_say_nothing_are_skipped(frame: Any) -> None:
    """Keep-alives as data are not the end of an answer, nor its beginning."""
    odd = event(frame)
    assert said_by(odd, piece("Hel"), odd, piece("lo.", finish="stop"), odd) == ("Hello.", "stop")


@pytest.mark.parametrize(
    "told",
    [
        event({"object": "error", "message": "too long by 12", "code": 400}),
        event({"type": "error", "message": "too long by 12"}),
        event({"message": "too long by 12", "code": 400}),
        event({"detail": "too long by 12"}),
        event({"detail": [{"loc": ["body", "x"], "msg": "too long by 12", "input": "the prompt"}]}),
        event({"error": {"message": {"detail": "too long by 12"}}}),
        event({"error": "too long by 12"}),
        "event: error\n" + event({"message": "too long by 12"}),
        "event: error\n" + event("too long by 12"),
        'error: {"code": 413, "message": "too long by 12"}\n\n',
        'data: {"choices": []}\n\n{"error": {"message": "too long by 12"}}\n',
    ],
)
def test_the_words_of_an_error_arrive(told: str) -> None:
    """An error without its envelope is an error, and it is quoted."""
    failure = failure_of(stream, streaming(event({"choices": None}), told))
    assert isinstance(failure, BackendRejected)
    assert "too long by 12" in str(failure)
    assert "the prompt" not in str(failure)
    late = failure_of(stream, streaming(piece("a"), told))
    assert isinstance(late, BackendProtocolError)
    assert "too long by 12" in str(late)


def test_what_came_instead_of_an_answer_is_quoted() -> None:
    """A stream without any chunk is no broken connection, and its text is quoted."""
    failure = failure_of(stream, streaming(event({"message": "no such model"}), event({})))
    assert isinstance(failure, BackendProtocolError)
    assert "no such model" in str(failure)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/plain"])
@pytest.mark.parametrize("blanks", ["", "\n\n  ", "\ufeff"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_whole_reply_to_a_stream_request_is_the_answer(
    kind: str, blanks: str, indent: int | None
) -> None:
    """A gateway that ignores `stream` has answered all the same."""
    reply = answer(blanks + json.dumps(WHOLE, indent=indent), content_type=kind)
    told = answer_to(stream, saying(reply))
    assert [chunk.delta for chunk in told] == ["Hello.", ""]
    assert reason_of(told) == "stop"


@both_verbs
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/plain"])
def test_an_event_stream_is_read_whatever_its_label(verb: Any, kind: str) -> None:
    """Also where a whole reply was asked for."""
    body = ": hi\n\n" + piece("Hel") + piece("lo.", finish="stop") + DONE
    told = answer_to(verb, saying(answer(body, content_type=kind)))
    assert (text_of(told), reason_of(told)) == ("Hello.", "stop")


@both_verbs
def test_chunks_one_a_line_are_read(verb: Any) -> None:
    """JSON lines instead of events are the same answer."""
    lines = [
        json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": finish}]})
        for text, finish in (("Hel", None), ("lo.", "stop"))
    ]
    told = answer_to(verb, saying(answer("\n".join(lines), content_type="application/x-ndjson")))
    assert text_of(told) == "Hello."


def test_a_stream_that_ends_with_its_whole_message_says_nothing_twice() -> None:
    """Some servers repeat the answer in their last chunk."""
    last = event({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]})
    assert said_by(piece("Hel"), piece("lo."), last, DONE) == ("Hello.", "stop")


@both_verbs
@pytest.mark.parametrize(
    "call",
    [
        {"tool_calls": [{"id": "1", "function": {"name": "rm", "arguments": "{}"}}]},
        {"function_call": {"name": "rm", "arguments": "{}"}},
    ],
)
def test_a_tool_call_is_refused_loudly(verb: Any, call: dict[str, Any]) -> None:
    """Never an empty "stop": the request has no tools that it could mean."""
    choice = {"message": {"content": None, **call}, "finish_reason": "tool_calls"}
    whole, streamed = saying(answer_json({"choices": [choice]})), streaming(frame(call), DONE)
    failure = failure_of(verb, whole if verb is complete else streamed)
    assert isinstance(failure, BackendRejected)
    assert "although the request has none" in str(failure)


@both_verbs
@pytest.mark.parametrize("reason", ["tool_calls", "function_call"])
def test_a_tool_call_that_only_the_reason_shows_is_refused(verb: Any, reason: str) -> None:
    """Without text there is no answer."""
    reply = answer_json({"choices": [{"message": {}, "finish_reason": reason}]})
    script = saying(reply) if verb is complete else streaming(frame({}, reason), DONE)
    assert isinstance(failure_of(verb, script), BackendRejected)


def test_a_tool_call_after_text_is_not_a_silent_stop() -> None:
    """The text was shown; that the rest is missing is said."""
    call = {"tool_calls": [{"function": {"name": "rm"}}]}
    failure = failure_of(stream, streaming(piece("Let me see. "), frame(call, "tool_calls"), DONE))
    assert isinstance(failure, BackendProtocolError)
    assert "although the request has none" in str(failure)


@pytest.mark.parametrize(
    "count", [-1, True, 1.0, "5", None, 10**10, 10**400, [], {}, float("inf"), float("nan")]
)
def test_counts_that_cannot_be_are_ignored(count: Any) -> None:
    """An absurd usage costs nothing, and not the answer either."""
    usage = {"prompt_tokens": 5, "completion_tokens": count}
    reply = answer_json({"choices": [{"message": {"content": "a"}}], "usage": usage})
    told = answer_to(complete, saying(reply))
    assert (told.text, told.usage) == ("a", None)


@both_verbs
@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 100_000, "5" * 5000, '{"a":[' * 900])
def test_json_that_nobody_means_is_a_protocol_error(verb: Any, value: str) -> None:
    """Endless nesting and numbers of thousands of digits are refused, never a traceback."""
    body = f'{{"choices":[{{"message":{{"content":{value}}}}}]}}'
    framed = f"data: {body}\n\n"
    script = saying(answer(body)) if verb is complete else streaming(framed)
    assert isinstance(failure_of(verb, script), BackendProtocolError)


@both_verbs
@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP, gzip", "deflate", "br", "zstd", "identity, gzip"]
)
def test_a_compressed_reply_is_refused_unopened(verb: Any, coding: str) -> None:
    """A few kilobytes can unpack to gigabytes, and the request said that it wants none."""
    reply = answer(b"\x1f\x8b" + b"x" * 100, content_encoding=coding)
    failure = failure_of(verb, saying(reply))
    assert isinstance(failure, BackendProtocolError)
    assert "compressed" in str(failure)
    refusal = answer(b"\x1f\x8b" + b"x" * 100, status="503 No", content_encoding=coding)
    assert str(failure_of(verb, saying(refusal))).endswith("HTTP 503")


def test_identity_is_no_compression() -> None:
    """A server may say that it did nothing."""
    reply = answer_json(WHOLE, content_encoding="Identity")
    assert answer_to(complete, saying(reply)).text == "Hello."


def test_an_answer_that_never_ends_cannot_fill_the_memory() -> None:
    """16 MiB of text are enough, whatever the deadline allows."""
    chunk = piece("x" * (1 << 19)).encode()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD)
        while True:
            peer.send(chunk)

    with asking(script) as backend, pytest.raises(BackendProtocolError, match="longer than"):
        for _ in backend.stream(ASK, deadline=Deadline.after(60)):
            pass
