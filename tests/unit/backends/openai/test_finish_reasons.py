"""When a streamed answer ends: reasons that come too early, late, or under another name."""

from __future__ import annotations

import time
from typing import Any

import pytest

from asking import (
    ASK,
    DONE,
    WORDS,
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
from edge_router.chat.completion import Usage
from edge_router.errors import BackendProtocolError, BackendUnavailable
from fault_server import STREAM_HEAD, Peer, answer_json, event, piece


@pytest.mark.parametrize(
    "finish", [None, "", "null", "NULL", " none ", 7, "stop", "STOP", "length"]
)
def test_a_reason_on_every_chunk_ends_nothing(finish: Any) -> None:
    """All of the text is the answer, whatever the chunks say before [DONE]."""
    text, reason = said_by(*(frame({"content": word}, finish) for word in WORDS), DONE)
    assert text == "".join(WORDS)
    assert reason == ("length" if finish == "length" else "stop")


@pytest.mark.parametrize("end", [(), (DONE,)])
def test_text_after_the_reason_belongs_to_the_answer(end: tuple[str, ...]) -> None:
    """A server may say too early that it stops."""
    events = [piece("a"), piece(finish="stop"), piece("b"), *end]
    assert said_by(*events) == ("ab", "stop")


def test_a_later_reason_is_better_than_an_early_stop() -> None:
    """The last chunk has the reason that "stop" on every chunk hides."""
    assert said_by(piece("a", finish="stop"), piece("b", finish="length"), DONE)[1] == "length"


def test_usage_on_every_chunk_ends_nothing() -> None:
    """A reason and the usage together are not yet the end."""
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    told = answer_to(stream, streaming(*(piece(w, finish="stop", usage=usage) for w in WORDS)))
    assert text_of(told) == "".join(WORDS)
    assert told[-1].usage == Usage(5, 3)


def test_a_premature_reason_is_waited_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tokens are no end, and a stream that never ends is left in the end."""
    monkeypatch.setattr("edge_router.backends.openai.backend._LAST_WORDS_S", 0.2)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD)
        for word in WORDS:
            peer.send(piece(word, finish="stop"))
            peer.pause(0.05)
        peer.pause()

    start = time.monotonic()
    assert text_of(answer_to(stream, script)) == "".join(WORDS)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("first", [{"role": "assistant", "content": ""}, {"reasoning": "hm"}])
def test_a_stop_before_anything_is_said_is_not_believed(
    first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first token may take longer than last words do."""
    monkeypatch.setattr("edge_router.backends.openai.backend._LAST_WORDS_S", 0.05)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD)
        for delta in (first, {"reasoning": "still"}, {"content": "Hello."}):
            peer.send(frame(delta, "stop"))
            peer.pause(0.15)

    assert text_of(answer_to(stream, script)) == "Hello."


def test_a_stop_before_anything_is_said_leaves_time_for_another_expert() -> None:
    """Where nothing came, the next one may still be asked in time."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + frame({"content": ""}, "stop"))
        peer.pause()

    with asking(script) as backend, pytest.raises(BackendUnavailable, match="no answer in time"):
        list(backend.stream(ASK, deadline=Deadline.after(60).attempt(first_token_s=0.1)))


def test_an_error_between_two_texts_is_not_the_end() -> None:
    """Where "stop" is said all the time, an error shows that the answer broke off."""
    events = [piece("a", finish="stop"), piece("b", finish="stop"), event({"error": "out of it"})]
    assert isinstance(failure_of(stream, streaming(*events)), BackendProtocolError)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "content_filter"),
        ("eos", "stop"),
    ],
)
def test_other_words_for_a_reason_are_understood(told: str, meant: str) -> None:
    """Gateways leave the reasons of the API behind them as they are."""
    assert said_by(piece("a", finish=told), DONE)[1] == meant


@both_verbs
def test_a_server_that_gives_up_did_not_stop(verb: Any) -> None:
    """The reason "error" is no reason to take what came for an answer."""
    choice = {"message": {"content": ""}, "finish_reason": "error"}
    whole, streamed = saying(answer_json({"choices": [choice]})), streaming(piece(finish="error"))
    failure = failure_of(verb, whole if verb is complete else streamed)
    assert isinstance(failure, BackendUnavailable)


@both_verbs
def test_nothing_but_thinking_is_an_empty_answer_that_was_cut(verb: Any) -> None:
    """All tokens spent on reasoning: the text is empty and the reason says why."""
    message = {"content": None, "reasoning_content": "First, consider"}
    reply = answer_json({"choices": [{"message": message, "finish_reason": "length"}]})
    script = streaming(frame({"reasoning_content": "First, "}), frame({}, "length"), DONE)
    told = answer_to(verb, saying(reply) if verb is complete else script)
    assert (text_of(told), reason_of(told)) == ("", "length")
