"""Messages: parts, calls of tools, results, and what counts as text of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.chat.message import Message, Part, ToolCall, last_turn
from edge_router.chat.request import ChatRequest
from edge_router.errors import InvalidRequest

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PAPER = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"in": "Ulm"}'},
}
ASKED = {"role": "user", "content": "Will it rain?"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "Yes, 9 mm.", "tool_call_id": "1"}


def test_a_turn_with_a_call_and_its_result_are_messages() -> None:
    """As OpenAI's dicts, and back to the very same."""
    request = ChatRequest.of([ASKED, CALLED, RESULT])
    assert request.messages[1] == Message(
        "assistant", None, (ToolCall("1", "weather", '{"in": "Ulm"}'),)
    )
    assert request.messages[2] == Message("tool", "Yes, 9 mm.", tool_call_id="1")
    assert [message.to_json() for message in request.messages] == [ASKED, CALLED, RESULT]


@pytest.mark.parametrize("part", [PICTURE, SOUND, PAPER])
def test_a_part_that_is_no_text_stays_a_part(part: dict[str, Any]) -> None:
    """The text of the message is that of its other parts."""
    stated = [{"type": "text", "text": "What is "}, part, {"type": "text", "text": "this?"}]
    message = Message("user", stated)  # type: ignore[arg-type]
    assert message.text == "What is this?"
    assert [one.to_json() for one in message.media] == [part]
    assert message.to_json() == {"role": "user", "content": stated}
    assert hash(message) == hash(Message("user", stated))  # type: ignore[arg-type]


def test_an_address_alone_is_an_image_too() -> None:
    """Many clients write it so; what is sent is OpenAI's form."""
    part = {"type": "image_url", "image_url": "https://example.org/a.png"}
    (image,) = Message("user", [part]).media  # type: ignore[list-item]
    assert image == Part("image_url", {"url": "https://example.org/a.png"})
    assert image.is_remote
    assert not Part("image_url", {"url": "DATA:image/png;base64,AAAA"}).is_remote


def test_null_in_a_part_means_unset() -> None:
    """Clients write out every field of their classes."""
    picture = PICTURE["image_url"] | {"detail": None}  # type: ignore[operator]
    (image,) = Message("user", [{"type": "image_url", "image_url": picture}]).media  # type: ignore[list-item]
    assert image.to_json() == PICTURE
    with pytest.raises(InvalidRequest, match="needs file_data or file_id"):
        Message("user", [{"type": "file", "file": {"file_data": None}}])  # type: ignore[list-item]


def test_a_refusal_among_parts_is_the_refusal_of_the_message() -> None:
    """An assistant's turn as OpenAI's library gives it back."""
    turn = {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]}
    assert ChatRequest.of([ASKED, turn]).messages[1] == Message(
        "assistant", "", refusal="I will not."
    )


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"role": "tool", "content": "SECRET"}, "a tool message needs tool_call_id"),
        ({"role": "user", "content": "SECRET", "tool_call_id": "1"}, "belongs to role 'tool'"),
        (
            {"role": "user", "content": "SECRET", "tool_calls": [CALL]},
            "belongs to role 'assistant'",
        ),
        ({"role": "user", "content": "SECRET", "refusal": "x"}, "belongs to role 'assistant'"),
        ({"role": "system", "content": [PICTURE]}, "'system' holds text alone; put images"),
        ({"role": "assistant", "content": [PICTURE]}, "'assistant' holds text alone; put images"),
        ({"role": "assistant", "content": None}, "must be text, not NoneType"),
        ({**CALLED, "tool_calls": "SECRET"}, "tool_calls must be a list of calls, not str"),
        ({**CALLED, "tool_calls": ["SECRET"]}, "needs 'id' and 'function', got a str"),
        (
            {**CALLED, "tool_calls": [{"function": {"name": "f"}}]},
            "the id of a call of a tool must",
        ),
        ({**CALLED, "tool_calls": [{"id": "1", "function": {}}]}, "the name of a call of a tool"),
        ({**CALLED, "tool_calls": [CALL, CALL]}, "two calls of tools have the same id"),
        ({**CALLED, "name": 3}, "the name of a message must be text, not int"),
        ({**CALLED, "name": "\ud83d"}, "not valid UTF-8"),
    ],
)
def test_a_field_in_the_wrong_place_is_refused(turn: dict[str, Any], words: str) -> None:
    """With the fix, and without the text."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        ChatRequest.of([ASKED, turn])
    assert "SECRET" not in str(caught.value)


def test_a_result_without_its_call_is_refused() -> None:
    """A history that was cut in the wrong place."""
    with pytest.raises(InvalidRequest, match=r"message 1 is the result of a call .* no message"):
        ChatRequest.of([ASKED, RESULT])
    with pytest.raises(InvalidRequest, match="message 2 is the result"):
        ChatRequest.of([ASKED, CALLED, {**RESULT, "tool_call_id": "2"}])


def test_arguments_may_be_an_object() -> None:
    """As some clients keep them."""
    call = {"id": "1", "function": {"name": "f", "arguments": {"a": "ü"}}}
    (made,) = ChatRequest.of([ASKED, {**CALLED, "tool_calls": [call]}]).messages[1].tool_calls
    assert made.arguments == '{"a": "ü"}'


def test_every_text_counts_as_text() -> None:
    """What tools were asked and said is read as what people say; a picture counts as a page."""
    request = ChatRequest.of([ASKED, CALLED, RESULT])
    texts = {"Will it rain?", "weather", '{"in": "Ulm"}', "Yes, 9 mm."}
    assert {*request.texts} == {*request.private_texts} == texts
    assert request.characters == sum(map(len, texts))
    assert Message("user", [PICTURE]).characters == 4000  # type: ignore[list-item]
    long = {"type": "file", "file": {"file_data": "A" * 3_000_000}}
    assert Message("user", [long]).characters == 20_000  # type: ignore[list-item]
    assert len(Message("user", [long]).private_texts[0]) == 4096  # type: ignore[list-item]


def test_the_last_turn_holds_its_calls_and_results() -> None:
    """Nothing of it may be trimmed: a result means nothing without the question."""
    system = {"role": "system", "content": "Be brief."}
    request = ChatRequest.of([system, ASKED, ASKED, CALLED, RESULT])
    assert last_turn(request.messages) == 2
    assert request.untrimmable == (request.messages[0], *request.messages[2:])
    plain = ChatRequest.of([system, ASKED, ASKED])
    assert plain.untrimmable == (plain.messages[0], plain.messages[2])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDS = st.text("abc123", min_size=1, max_size=4)
TURNS = st.one_of(
    st.builds(lambda text: Message("system", text), TEXTS),
    st.builds(lambda text, name: Message("user", text, name=name), TEXTS, st.none() | TEXTS),
    st.builds(
        lambda text, url: Message("user", (Part("text", text), Part("image_url", {"url": url}))),
        TEXTS,
        TEXTS.map(lambda rest: f"https://{rest}"),
    ),
    st.builds(
        lambda text, ids, arguments, thought: Message(
            "assistant",
            text,
            tuple(ToolCall(one, "f", arguments) for one in ids),
            reasoning_content=thought,
        ),
        TEXTS,
        st.sets(IDS, max_size=3),
        TEXTS,
        st.none() | TEXTS,
    ),
)


@given(st.lists(TURNS, max_size=5))
def test_a_conversation_survives_json(turns: list[Message]) -> None:
    """As a request to a server, or as a file: what is read is what was written."""
    request = ChatRequest((Message("user", "Hello"), *turns), metadata={"a": "b"})
    again = ChatRequest(**json.loads(json.dumps(request.to_json())))
    assert again == request
