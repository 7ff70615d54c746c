"""A refusal that is about the length of the request, as servers word it."""

from __future__ import annotations

from typing import Any

import pytest

from asking import asking, complete
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.overflow import is_overflow
from edge_router.errors import BackendRejected, ContextExceeded
from fault_server import STREAM_HEAD, Peer, answer_json, event

OPENAI: dict[str, Any] = {
    "message": "This model's maximum context length is 4097 tokens. However, your messages "
    "resulted in 9001 tokens. Please reduce the length of the messages.",
    "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded",
}  # fmt: skip
TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, you requested 4100 tokens",
    "the request exceeds the available context size, try increasing it",
    '{"code":400,"message":"no","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}',
    "prompt is too long: 210000 tokens > 200000 maximum",
    "The input token count (40000) exceeds the maximum number of tokens allowed (32768).",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    "Requested tokens exceed context window of 512",
    "the input is longer than the model's context length",
    "litellm.ContextWindowExceededError: context window exceeded",
    "The decoder prompt (length 5000) is longer than the model: max model len 4096",
)
OTHER = (
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
    "Unsupported parameter: 'max_tokens' is not supported with this model.",
    "stop: at most 4 sequences, too many tokens in 'stop' sequences? no",
    "temperature must be less than 2",
    "rate limit: too many requests",
    "Invalid image in the prompt",
)


@pytest.mark.parametrize("words", TOO_LONG)
def test_servers_say_it_in_many_words(words: str) -> None:
    """Of 400 and its like; a status of anything else is about something else."""
    assert is_overflow(400, words)
    assert is_overflow(413, words)
    assert not is_overflow(401, words)
    assert not is_overflow(429, words)


@pytest.mark.parametrize("words", OTHER)
def test_other_refusals_are_no_overflow(words: str) -> None:
    """A limit of the answer's length, a parameter, a picture."""
    assert not is_overflow(400, words)


def test_a_refusal_for_length_is_an_error_of_its_own() -> None:
    """Not tried again by the backend; any other 400 is a refusal."""
    seen: list[str] = []

    def script(peer: Peer) -> None:
        while text := peer.request():
            seen.append(text)
            error = OPENAI if len(seen) == 1 else {"message": "no", "code": "bad"}
            peer.send(answer_json({"error": error}, status="400 Bad Request"))

    with asking(script) as backend:
        with pytest.raises(ContextExceeded, match="longer than the model's context") as caught:
            complete(backend, Deadline.after(10))
        assert caught.value.limit == "context_length"
        with pytest.raises(BackendRejected):
            complete(backend, Deadline.after(10))
    assert len(seen) == 2


def test_so_is_one_inside_a_stream() -> None:
    """A server may find out after its headers."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + event({"error": OPENAI}))

    with asking(script) as backend, pytest.raises(ContextExceeded):
        complete(backend, Deadline.after(10))
