"""OpenAI's chat shape as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from edge_router.chat.completion import (
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


@pytest.mark.parametrize("role", ["User", "", None, 3])
def test_another_role_is_refused(role: Any) -> None:
    """An unknown role is named, and so are the known ones."""
    with pytest.raises(InvalidRequest, match=rf"role {role!r} is unknown.*'assistant'"):
        Message(role, "Hello")


def test_developer_is_system() -> None:
    """OpenAI's newer name of it, as a message and as a dict."""
    found = ChatRequest.of([{"role": "developer", "content": "Be brief."}, HELLO])
    assert found.messages == (Message("system", "Be brief."), HELLO)
    developer: Any = "developer"
    assert Message(developer, "Be brief.") == found.messages[0]


def test_a_role_that_is_a_text_of_its_own_is_not_quoted() -> None:
    """It may be the prompt in the wrong place."""
    with pytest.raises(InvalidRequest, match="role of 18 characters is unknown") as caught:
        ChatRequest.of([{"role": "my secret question", "content": "x"}])
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidRequest, match="did you mean 'user'"):
        ChatRequest.of([{"role": "User", "content": "x"}])


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_parts_of_text_are_joined(kind: str) -> None:
    """As the models' own chat templates join them; keys that are not OpenAI's do not matter."""
    parts = [{"type": kind, "text": "What is ", "id": 7}, {"type": kind, "text": "rain?"}]
    found = ChatRequest.of([{"role": "user", "content": parts, "name": "ann", "timestamp": 1}])
    assert found.messages == (Message("user", "What is rain?", name="ann"),)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "video_url", "video_url": "SECRET"}, "part of type 'video_url'; use one of text"),
        ({"type": "input_audio", "input_audio": "SECRET"}, "'input_audio' needs 'input_audio', an"),
        ({"type": "image_url", "image_url": {"url": "file:///SECRET"}}, "must begin with data:, h"),
        ({"type": "image_url", "image_url": {"detail": "SECRET"}}, "'image_url' needs url"),
        ({"type": "file", "file": {"filename": "SECRET"}}, "'file' needs file_data or file_id"),
        ({"type": "file", "file": {"file_id": b"SECRET"}}, "must map texts to texts"),
        ({"type": "my SECRET text"}, "part without a type; use one of text"),
        ({"text": "SECRET"}, "part without a type; use one of text"),
        ({"type": "text", "text": ["SECRET"]}, "must be text, not list"),
        ({"type": "text"}, "must be text, not NoneType"),
        (b"SECRET", "must be a dict, not bytes"),
    ],
)
def test_other_parts_are_refused_by_their_type(part: Any, told: str) -> None:
    """Never by what is in them."""
    with pytest.raises(InvalidRequest, match=told) as caught:
        ChatRequest.of([{"role": "user", "content": [{"type": "text", "text": "SECRET"}, part]}])
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": None, "function_call": {"name": "f"}},
        {"role": "function", "name": "f", "content": "Paris"},
    ],
)
def test_the_old_form_of_calls_is_refused_with_the_new_one(turn: dict[str, Any]) -> None:
    """Without them the conversation would be another one."""
    with pytest.raises(InvalidRequest, match=r"old (form|name) of .*(tool_calls|'tool')") as caught:
        ChatRequest.of([HELLO, turn, HELLO])
    assert "Paris" not in str(caught.value)


def test_no_tool_calls_are_none() -> None:
    """Clients write the key whether there are any or not."""
    turn = {"role": "assistant", "content": "Hi", "tool_calls": [], "function_call": None}
    assert ChatRequest.of([HELLO, turn, HELLO]).messages[1] == Message("assistant", "Hi")


def test_a_subclass_of_text_becomes_text() -> None:
    """Whatever it does when it is written or compared."""

    class Loud(str):
        def __str__(self) -> str:
            return self.upper()

    found = ChatRequest.of([{"role": Loud("user"), "content": Loud("Hello")}])
    assert found.messages == (HELLO,)
    assert {type(found.messages[0].content), type(found.messages[0].role)} == {str}


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "Hello"}],
        [HELLO],
        iter([HELLO]),
        (message for message in [{"role": "user", "content": "Hello"}]),
    ],
    ids=["dicts", "list", "iterator", "generator"],
)
def test_a_request_is_made_of_whatever_holds_messages(messages: Any) -> None:
    """Its messages are a tuple of ours in the end."""
    assert ChatRequest(messages) == ChatRequest((HELLO,))


@pytest.mark.parametrize("messages", ["Hello", b"Hello", {"role": "user"}, 3, None, [3], ["x"]])
def test_a_request_is_not_made_of_anything_else(messages: Any) -> None:
    """A text is not taken for a series of letters."""
    with pytest.raises(InvalidRequest, match=r"messages must be a list|a message needs 'role'"):
        ChatRequest(messages)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("max_tokens", True, "max_tokens is True; it must be a whole number from 1"),
        ("max_tokens", 1.5, "max_tokens is 1.5; it must be a whole number"),
        ("max_tokens", "5", "max_tokens is '5'; it must be a whole number"),
        ("max_tokens", 10**400, "max_tokens is a number of over 30 digits; it must be"),
        ("seed", 1.5, "seed is 1.5; it must be a whole number"),
        ("seed", True, "seed is True; it must be a whole number"),
        ("seed", 2**63, "seed is 9223372036854775808; it must be a whole number"),
        ("temperature", True, "temperature is True; it must be 0 or more"),
        ("temperature", "0.5", "temperature is '0.5'; it must be 0 or more"),
        ("temperature", float("inf"), "temperature is inf; it must be 0 or more"),
        ("stop", ("",), "stop holds an empty text"),
        ("stop", "", "stop holds an empty text"),
        ("stop", (3,), "stop holds a int"),
        ("stop", b"abc", "stop is a bytes"),
        ("stop", 3, "stop is a int"),
        ("stop", ("\ud83d",), "not valid UTF-8"),
    ],
)
def test_a_setting_that_is_none_is_refused(setting: str, value: Any, told: str) -> None:
    """By its name, and by its value where that is a number."""
    with pytest.raises(InvalidRequest, match=told):
        ChatRequest((HELLO,), **{setting: value})


@pytest.mark.parametrize("count", [10**400, -1, True, 1.5, None, [1], float("nan")])
def test_tokens_that_nobody_counted_are_no_usage(count: Any) -> None:
    """An error of the backend family: the expert reported them."""
    with pytest.raises(BackendProtocolError, match="prompt_tokens = "):
        Usage(count, 1)


@pytest.mark.parametrize("delta", [None, 3, b"x", ["x"]])
def test_a_chunk_holds_text(delta: Any) -> None:
    """Anything else would break where it is joined, long after."""
    with pytest.raises(BackendProtocolError, match="delta = "):
        ChatChunk("1", "small", delta)


@pytest.mark.parametrize("content", [None, 3, b"Hello", {"text": "Hello"}])
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
    """Another thread may hold the same value."""
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
        [{"role": "user", "content": "Hello", "timestamp": 7}],
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


@pytest.mark.parametrize(
    "item", [{"text": "my secret"}, {"my secret": "x"}, "my secret", ["secret"]]
)
def test_nothing_of_a_wrong_item_is_quoted(item: Any) -> None:
    """The message has its type, its keys and their number."""
    with pytest.raises(InvalidRequest, match=r"got a (dict with 1 keys|str|list)") as caught:
        ChatRequest.of([item])
    assert "secret" not in str(caught.value)


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
    """Deltas are joined; the last chunk has the reason, and usage may be on any chunk."""
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
