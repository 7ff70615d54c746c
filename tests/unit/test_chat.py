"""OpenAI's chat shape as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from edge_router.chat import (
    DEFAULT_MAX_TOKENS,
    ChatChunk,
    ChatCompletion,
    ChatRequest,
    Message,
    Usage,
)
from edge_router.errors import BackendProtocolError, InvalidRequest

HELLO = Message("user", "Hello")


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_the_three_roles_are_messages(role: Any) -> None:
    """System, user and assistant may speak."""
    assert Message(role, "Hello").role == role


@pytest.mark.parametrize("role", ["tool", "User", "", None, 3])
def test_another_role_is_refused(role: Any) -> None:
    """An unknown role is named, and so are the known ones."""
    with pytest.raises(InvalidRequest, match=rf"role {role!r} is unknown.*'assistant'"):
        Message(role, "Hello")


@pytest.mark.parametrize("content", [None, 3, b"Hello", [{"type": "text", "text": "Hello"}]])
def test_content_that_is_not_text_is_refused(content: Any) -> None:
    """The error names the type that was given."""
    with pytest.raises(InvalidRequest, match=f"must be text, not {type(content).__name__}"):
        Message("user", content)


@pytest.mark.parametrize("text", ["\ud83d", "abc\udc80", "\udfff\ud800"])
def test_a_lone_surrogate_is_refused(text: str) -> None:
    """Text that cannot be written as UTF-8 is an invalid request that says where and what to do."""
    with pytest.raises(InvalidRequest, match=r"not valid UTF-8.*errors='replace'"):
        Message("user", text)


@pytest.mark.parametrize("text", ["", "😀👩‍👩‍👧", "مرحبا", "a\0b", "\ufffe"])
def test_any_text_that_is_utf8_is_accepted(text: str) -> None:
    """Emoji, other scripts, zero bytes and no text at all are all text."""
    assert Message("user", text).content == text


@pytest.mark.parametrize("value", [HELLO, ChatRequest((HELLO,)), Usage(1, 2)])
def test_values_are_frozen(value: Any) -> None:
    """Nobody changes a value that another thread may hold."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, next(iter(value.__slots__)), None)


def test_defaults_of_a_request() -> None:
    """An answer is bounded and greedy unless it is said otherwise."""
    request = ChatRequest((HELLO,))
    assert request.max_tokens == DEFAULT_MAX_TOKENS == 512
    assert (request.temperature, request.stop, request.seed) == (None, (), None)


@pytest.mark.parametrize(
    "messages",
    [(), (Message("system", "Be brief."),), (Message("user", " \n\t "),), (Message("user", ""),)],
    ids=["none", "system only", "blank", "empty"],
)
def test_a_request_without_a_query_is_refused(messages: tuple[Message, ...]) -> None:
    """At least one user message must hold text."""
    with pytest.raises(InvalidRequest, match="the query is empty"):
        ChatRequest(messages)


@pytest.mark.parametrize("max_tokens", [0, -1])
def test_max_tokens_must_be_positive(max_tokens: int) -> None:
    """The error names the value and the bound."""
    with pytest.raises(InvalidRequest, match=f"max_tokens is {max_tokens}; it must be 1 or more"):
        ChatRequest((HELLO,), max_tokens=max_tokens)


@pytest.mark.parametrize("temperature", [-0.1, float("nan")])
def test_temperature_must_not_be_negative(temperature: float) -> None:
    """Negative numbers and NaN are refused by value."""
    with pytest.raises(InvalidRequest, match=f"temperature is {temperature}"):
        ChatRequest((HELLO,), temperature=temperature)


@pytest.mark.parametrize(
    "prompt",
    [
        "Hello",
        [HELLO],
        (HELLO,),
        iter([HELLO]),
        [{"role": "user", "content": "Hello"}],
        [{"role": "user", "content": "Hello", "name": "Ada"}],
    ],
    ids=["text", "list", "tuple", "iterator", "dict", "dict with more keys"],
)
def test_of_takes_what_users_have_at_hand(prompt: Any) -> None:
    """A text and every shape of a list of messages become the same request."""
    assert ChatRequest.of(prompt) == ChatRequest((HELLO,))


def test_of_gives_a_request_back_as_it_is() -> None:
    """A request keeps all its settings."""
    request = ChatRequest((HELLO,), max_tokens=7, seed=1)
    assert ChatRequest.of(request) is request


@pytest.mark.parametrize("prompt", [None, 3, b"Hello", {"role": "user", "content": "Hello"}])
def test_of_refuses_other_types_by_name(prompt: Any) -> None:
    """Bytes and a single dict are mistakes, not lists of messages."""
    with pytest.raises(InvalidRequest, match=f"cannot route a {type(prompt).__name__}"):
        ChatRequest.of(prompt)


@pytest.mark.parametrize("item", [{}, {"role": "user"}, {"content": "Hello"}, "Hello", 3])
def test_of_refuses_items_that_are_no_messages(item: Mapping[str, Any] | str | int) -> None:
    """A message needs a role and a content."""
    with pytest.raises(InvalidRequest, match="a message needs 'role' and 'content'"):
        ChatRequest.of([item])  # type: ignore[list-item]


def test_a_long_wrong_item_is_quoted_in_part() -> None:
    """An error message does not repeat a whole document."""
    with pytest.raises(InvalidRequest) as caught:
        ChatRequest.of([{"text": "x" * 10_000}])
    assert len(str(caught.value)) < 200


def test_characters_counts_every_role() -> None:
    """The length of a conversation is that of all its messages."""
    request = ChatRequest((Message("system", "abc"), Message("assistant", "de"), HELLO))
    assert request.characters == 10


def test_with_messages_appends_and_keeps_the_rest() -> None:
    """The conversation grows, its settings stay and the first request is as it was."""
    request = ChatRequest((HELLO,), max_tokens=7, stop=("\n",), seed=1)
    longer = request.with_messages(Message("assistant", "Hi"), Message("user", "Bye"))
    assert [m.content for m in longer.messages] == ["Hello", "Hi", "Bye"]
    assert (longer.max_tokens, longer.stop, longer.seed) == (7, ("\n",), 1)
    assert request.messages == (HELLO,)


def test_chunks_join_to_a_completion() -> None:
    """Deltas are joined; the end tells the reason, and usage may come on any chunk."""
    usage = Usage(3, 2, dropped_messages=1)
    chunks = [
        ChatChunk("1", "small", "Hel"),
        ChatChunk("1", "small", "lo", usage=usage),
        ChatChunk("1", "small", "", "length"),
    ]
    assert ChatCompletion.from_chunks(chunks) == ChatCompletion(
        "1", "small", "Hello", "length", usage
    )


@pytest.mark.parametrize(
    "chunks", [[], [ChatChunk("1", "small", "Hel")]], ids=["nothing", "no finish reason"]
)
def test_a_stream_without_an_end_broke_off(chunks: list[ChatChunk]) -> None:
    """Half an answer is never given out as a whole one."""
    with pytest.raises(BackendProtocolError, match="broke off"):
        ChatCompletion.from_chunks(chunks)
