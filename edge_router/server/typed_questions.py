"""Typed questions about a state, weighed by a local model: what it reads, and its probabilities.

The state stands first, so that further questions about it find it in the model's prefix cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_router.backends.deadline import Deadline
from edge_router.backends.masked_choice import ChoosesNames, MaskedChoice
from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.errors import ContextExceeded

from .wire.systemone import FALSE, TRUE, NotAsked, Question

__all__ = ["TypedQuestions"]

SYSTEM = "Read the text and answer the question about it with one of the answers, and nothing else."
CONTENT_FREE = "N/A"
MOST_DESCRIBED = 300  # characters said of an option
MOST_STATE = 1_500  # characters of a state that does not fit otherwise
MOST_CORRECTED = 26  # options; the bias among more takes as long as the answer
LONGEST_NAME = 80
NOUL = {TRUE: "yes", FALSE: "no"}

Write = Callable[[str, Question, Sequence[str]], ChatRequest]


@dataclass(frozen=True, slots=True)
class TypedQuestions:
    """Weighs questions by the model behind `choice`, each on its own: neither its name nor the
    others matter. Thread-safe as that model is. Many questions have `within_s` seconds together.
    """

    choice: MaskedChoice
    within_s: float

    @classmethod
    def of(cls, backend: ChoosesNames, *, within_s: float) -> TypedQuestions:
        """Those that a local model weighs."""
        return cls(MaskedChoice(backend), within_s)

    def weigh(self, state: str, question: Question, *, deadline: Deadline) -> list[float]:
        """The probability of each option. What does not fit into the model's context is left out:
        first what is said of the options, then their list and the middle of the state.

        Raises BackendError, and NotAsked where not even that fits.
        """
        names = _names(question)
        for write in (_described, _listed, _cut):
            asked, blank = write(state, question, names), None
            if len(names) <= MOST_CORRECTED:
                blank = write(CONTENT_FREE, question, names)
            try:
                return self.choice.shares(asked, blank, names, deadline=deadline)
            except ContextExceeded:
                continue
        raise NotAsked("the question is too long for the local model", question.place)


def _names(question: Question) -> tuple[str, ...]:
    """What the model may write for each option: its name if all are plain, else a number."""
    if question.type == "noul":
        return tuple(NOUL[option] for option in question.options)
    options = tuple(question.options)
    plain = all(one == one.strip() and 0 < len(one) <= LONGEST_NAME for one in options)
    if plain and all(one.isprintable() for one in options):
        return options
    return tuple(str(number) for number in range(1, len(options) + 1))


def _described(state: str, question: Question, names: Sequence[str]) -> ChatRequest:
    lines = zip(names, question.options.items(), strict=True)
    return _request(state, question, [_line(name, *option) for name, option in lines])


def _line(name: str, option: str, said: str) -> str:
    words = " ".join((said if name in (option, *NOUL.values()) else f"{option} {said}").split())
    return f"- {name}: {words[:MOST_DESCRIBED]}" if words else f"- {name}"


def _listed(state: str, question: Question, names: Sequence[str]) -> ChatRequest:
    return _request(state, question, [f"- {name}" for name in names])


def _cut(state: str, question: Question, _: Sequence[str]) -> ChatRequest:
    if len(state) > MOST_STATE:
        state = f"{state[: MOST_STATE // 2]}\n{state[-MOST_STATE // 2 :]}"
    return _request(state, question, [])


def _request(state: str, question: Question, lines: Sequence[str]) -> ChatRequest:
    asked = question.words or "Which of the answers is true of the text?"
    listed = "\n".join(["", "Answers:", *lines] if lines else [])
    text = f"Text:\n{state}\n\nQuestion: {asked}{listed}"
    return ChatRequest((Message("system", SYSTEM), Message("user", text)), temperature=0.0)
