"""Typed questions to a local model: what it reads, what it may write, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.chat.request import ChatRequest
from edge_router.errors import ContextExceeded
from edge_router.server.typed_questions import TypedQuestions
from edge_router.server.wire.systemone import NotAsked, Question


class Weigher:
    """Prefers the last name of those in `likely`, reads up to `room` characters, keeps requests."""

    can_choose = True

    def __init__(self, *likely: str, room: int = 10_000) -> None:
        self.likely = likely
        self.room = room
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def choose(
        self, request: ChatRequest, names: Sequence[str], *, deadline: Deadline
    ) -> tuple[float, ...]:
        text = request.messages[-1].text
        if len(text) > self.room:
            raise ContextExceeded("too long")
        self.asked.append((text, tuple(names)))
        weights = [9.0 if name in self.likely and "N/A" not in text else 1.0 for name in names]
        return tuple(weight / sum(weights) for weight in weights)


def weighed(model: Weigher, question: Question, state: str = "a state") -> list[float]:
    typed = TypedQuestions.of(model, within_s=5.0)
    return typed.weigh(state, question, deadline=Deadline.after(5.0))


def test_a_noul_is_yes_or_no() -> None:
    """In the order true, false, whatever is said of them."""
    question = Question("noul", "Is it urgent?", {"true": "within a day", "false": ""})
    model = Weigher("yes")
    assert weighed(model, question) == pytest.approx([0.9, 0.1])
    blank, asked = model.asked
    assert asked[1] == ("yes", "no")
    assert asked[0].startswith("Text:\na state\n\nQuestion: Is it urgent?")
    assert asked[0].endswith("- yes: within a day\n- no")
    assert blank[0].startswith("Text:\nN/A\n")


def test_an_option_is_written_by_its_name() -> None:
    """The bias of a model to one of them is taken out, and asked for once."""
    question = Question("choice", "Which team?", {"Billing": "invoices", "환불": ""})
    model = Weigher("환불")
    typed = TypedQuestions.of(model, within_s=5.0)
    for _ in range(2):
        shares = typed.weigh("a state", question, deadline=Deadline.after(5.0))
        assert shares == pytest.approx([0.1, 0.9])
    assert model.asked[1][1] == ("Billing", "환불")
    assert "- Billing: invoices\n- 환불" in model.asked[1][0]
    assert len(model.asked) == 3


@pytest.mark.parametrize("odd", ["", " x", "a\nb", "y" * 81])
def test_options_that_cannot_be_written_get_numbers(odd: str) -> None:
    """With the option beside its number."""
    model = Weigher("2")
    shares = weighed(model, Question("choice", "Which?", {"Billing": "invoices", odd: "others"}))
    assert shares == pytest.approx([0.1, 0.9])
    assert model.asked[-1][1] == ("1", "2")
    assert "- 1: Billing invoices\n- 2: " in model.asked[-1][0]


def test_levels_are_written_as_their_numbers() -> None:
    """From 0 on."""
    model = Weigher("1")
    question = Question("score", "How angry?", {"0": "Calm", "1": "Angry"}, ["Calm", "Angry"])
    assert weighed(model, question)[1] == pytest.approx(0.9)
    assert "- 0: Calm\n- 1: Angry" in model.asked[-1][0]


def test_what_does_not_fit_is_left_out() -> None:
    """Descriptions, then the list, then the middle of the state; then it is said."""
    options = {f"Queue {number}": "x" * 100 for number in range(20)}
    question = Question("choice", "Which queue?", options, place=("questions", "q"))
    listed = Weigher(room=1_000)
    weighed(listed, question)
    assert "- Queue 7\n" in listed.asked[-1][0]
    cut = Weigher(room=2_000)
    weighed(cut, question, "first" + "m" * 90_000 + "last")
    assert "Queue" not in cut.asked[-1][0]
    assert "first" in cut.asked[-1][0]
    assert "last" in cut.asked[-1][0]
    with pytest.raises(NotAsked, match="too long") as caught:
        weighed(Weigher(room=10), question)
    assert caught.value.place == ("questions", "q")
