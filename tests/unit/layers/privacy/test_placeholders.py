"""Placeholders: one a value, kept over a conversation, put back however an answer is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoing import Echoing, cut
from edge_router import ChatRequest, Config, EdgeRouter, Message
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk
from edge_router.chat.private_data import PrivateKind as Kind
from edge_router.layers.privacy.placeholders import (
    MOST_CONVERSATIONS,
    Conversations,
    Restorer,
    StreamRestorer,
)
from edge_router.testing import FakeBackend
from made_experts import CLOUD

ANN, BOB = "ann@x.org", "bob@y.org"
VALUES = {"[EMAIL-1]": ANN, "[EMAIL-11]": BOB, "[PATH-1]": r'C:\Users\b"ob'}
REDACT: Any = {"cloud": "redact"}


def restored(pieces: list[str], values: dict[str, str] = VALUES) -> str:
    """What is shown of a text in pieces."""
    restorer = Restorer(values)
    return "".join([*map(restorer.take, pieces), restorer.rest()])


def test_a_placeholder_is_put_back_wherever_it_is_cut() -> None:
    """At any two places, and in single letters."""
    text = "Write to [EMAIL-1], [EMAIL-11][EMAIL-1] and [EMAIL-2] [ [EMAIL or [[EMAIL-1]]."
    whole = text.replace("[EMAIL-11]", BOB).replace("[EMAIL-1]", ANN)
    assert restored([*text]) == whole
    for first in range(len(text)):
        for second in range(first, len(text)):
            assert restored(cut(text, [first, second])) == whole


@given(st.lists(st.sampled_from(["[", "]", "EMAIL-1", "[EMAIL-1]", "[EMAIL-11]", "x", "1"])))
@settings(max_examples=100)
def test_any_text_comes_out_as_if_it_were_whole(pieces: list[str]) -> None:
    """Nothing is lost, doubled or turned round."""
    text = "".join(pieces)
    assert restored(pieces) == restored([text])
    assert restored(pieces, {}) == text


def test_nothing_is_held_back_that_can_be_no_placeholder() -> None:
    """So that an answer still streams."""
    restorer = Restorer(VALUES)
    assert restorer.take("a [") == "a "
    assert restorer.take("b") == "[b"
    assert restorer.take("[EMAIL-") == ""
    assert restorer.take("9] c") == "[EMAIL-9] c"
    assert restorer.take("[" * 10_000) == "[" * 9_999


def test_a_value_in_the_arguments_of_a_call_is_written_as_json() -> None:
    """A quote or a backslash of it breaks nothing."""
    restorer = StreamRestorer(VALUES)
    written = restorer.arguments('{"path": "[PATH-1]", "to": "[EMAIL-1]"}')
    assert json.loads(written) == {"path": VALUES["[PATH-1]"], "to": ANN}


def test_a_chunk_of_which_all_is_held_back_is_not_shown() -> None:
    """The last chunk shows the rest."""
    restorer = StreamRestorer(VALUES)
    assert restorer.take(ChatChunk("1", "m", "[EMA")) is None
    last = restorer.take(ChatChunk("1", "m", "", "stop"))
    assert last is not None
    assert (last.delta, last.finish_reason) == ("[EMA", "stop")


def test_a_conversation_keeps_its_placeholders_over_ten_turns_and_two_experts() -> None:
    """Each turn brings a new value; the recorded requests hold none of them."""
    experts: Any = {"cloud": CLOUD, "other": CLOUD}
    backends: Any = {name: Echoing(lambda text: [text]) for name in experts}
    history: tuple[Message, ...] = ()
    with EdgeRouter(Config(experts=experts, privacy=REDACT), backends=backends) as router:
        for turn in range(10):
            question = f"Turn {turn}: ask person{turn}@x.org and person0@x.org."
            history = (*history, Message("user", question))
            name = ("cloud", "other")[turn % 2]
            answer = router.consult(name, ChatRequest(history))
            assert (answer.text, answer.reasoning_content) == (question, question)
            assert json.loads(answer.tool_calls[0].arguments) == {"text": question}
            history = (*history, Message("assistant", answer.text))
    sent = [request for one in backends.values() for request in one.requests]
    assert len(sent) == 10
    for request in sent:
        assert "@" not in json.dumps(request.to_json(), default=dict)
        for place, message in enumerate(request.messages):
            assert f"ask [EMAIL-{place // 2 + 1}] and [EMAIL-1]." in message.text


def test_two_conversations_share_nothing() -> None:
    """A placeholder written by one user brings no value of another one."""
    far = Echoing(lambda text: [text])
    with EdgeRouter(
        Config(experts={"cloud": CLOUD}, privacy=REDACT), backends={"cloud": far}
    ) as router:
        assert router.complete(f"I am {ANN}.").text == f"I am {ANN}."
        stolen = f"Repeat [EMAIL-1] for {BOB}."
        assert router.complete(stolen).text == stolen
        assert far.requests[-1].question == "Repeat [EMAIL-1] for [EMAIL-2]."


def test_conversations_are_kept_within_bounds() -> None:
    """The oldest is forgotten."""
    conversations = Conversations()
    for number in range(MOST_CONVERSATIONS + 5):
        request = ChatRequest.of(f"conversation {number}")
        made = conversations.placeholders(request, [(Kind.EMAIL, ANN)], taken=lambda _: False)
        assert made == {(Kind.EMAIL, ANN): "[EMAIL-1]"}
    assert len(conversations._kept) == MOST_CONVERSATIONS


@pytest.mark.parametrize("value", ["a[EMAIL-1]b@x.org", "[EMAIL-1]@x.org"])
def test_what_the_user_wrote_like_a_placeholder_stays_as_it_is(value: str) -> None:
    """It is none of ours."""
    far = Echoing(lambda text: [*text])
    with EdgeRouter(
        Config(experts={"cloud": CLOUD}, privacy=REDACT), backends={"cloud": far}
    ) as router:
        text = f"Is {value} fine, and [EMAIL-2], [CARD-1]?"
        assert router.complete(text).text == text


def test_an_answer_without_placeholders_is_left_alone() -> None:
    """Chunk by chunk."""
    far = FakeBackend("Nothing of it [here] at all.")
    with (
        EdgeRouter(
            Config(experts={"cloud": CLOUD}, privacy=REDACT), backends={"cloud": far}
        ) as router,
        router.stream(f"I am {ANN}.") as stream,
    ):
        pieces = [chunk.delta for chunk in stream]
    assert "".join(pieces) == far.text
    assert len(pieces) == 7


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
def test_an_answer_in_json_stays_json(whole: bool, kind: str) -> None:
    """A value with a backslash is written as JSON writes it, in thoughts as it is."""
    schema = {"name": "n", "schema": {"type": "object"}}
    form = {"type": kind} | ({"json_schema": schema} if kind == "json_schema" else {})
    folder = r"C:\Users\anna.smith"
    asked = ChatRequest((Message("user", f"What is in {folder}\\x ?"),), response_format=form)  # type: ignore[arg-type]
    far = FakeBackend('{"it": "[PATH-1]"}', reasoning_content="so [PATH-1] it is")
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": "redact"})  # type: ignore[arg-type]
    with EdgeRouter(config, backends={"cloud": far}) as router:
        backend = router._backend("cloud")
        if whole:
            answer: Any = backend.complete(asked, deadline=Deadline.after(5))
        else:
            answer = router.complete(asked)
    assert folder not in str(far.requests)
    assert json.loads(answer.text) == {"it": folder}
    assert answer.reasoning_content == f"so {folder} it is "
