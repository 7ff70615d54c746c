"""/v1/systemone: typed questions about a state, probabilities of their options, one encoder pass.

The protocol is that of TypeSafe's Jev, which llama-server and vLLM speak too. It is no drop-in for
a decision model, which answers any question (the suite `jevcompat` asks such, and stops here at its
first): the router knows four things of a query, so a question must name one of them as its
`instructions`, and any other is refused with 422:

- "needs_tools" (noul): that the state needs live data or a device
- "difficulty" (noul): that the weakest expert here would not answer it well
- "kind" (choice): which kind of task it is; options are kinds of the artifact, such as
  "everyday/coding", or what such names begin with before a slash
- "expert" (choice): who would be asked; options are experts' names

The options of a choice share all probability; `x_mass` says how much of it was theirs before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_router.chat.request import estimated_tokens
from edge_router.guards.redaction import quoted

__all__ = ["Facts", "NotAsked", "replied"]

MOST_QUESTIONS, MOST_OPTIONS = 64, 255
NOULS, CHOICES = ("needs_tools", "difficulty"), ("kind", "expert")
Place = tuple[str, ...]


class NotAsked(Exception):
    """What is wrong with a body, and where in it: the protocol's 422."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place

    def to_json(self) -> dict[str, Any]:
        """The protocol's own form of it."""
        where = ["body", *self.place]
        return {"detail": [{"loc": where, "msg": str(self), "type": "value_error"}]}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the router says of a state: probabilities that it needs tools and is difficult (None
    where the artifact does not tell), and those of its kinds and of who is asked, by their names.
    """

    needs_tools: float | None
    difficulty: float
    kinds: Mapping[str, float]
    experts: Mapping[str, float]


def _state(body: Mapping[str, Any]) -> str:
    """The state as a text."""
    state = body.get("state")
    text = state if isinstance(state, str) else json.dumps(state, ensure_ascii=False)
    if state in (None, [], {}) or not isinstance(state, (str, dict, list)) or not text.strip():
        raise NotAsked("state must be a text, an object or a list, and not empty", ("state",))
    return text


def replied(body: Mapping[str, Any], facts: Callable[[str], Facts], model: str) -> dict[str, Any]:
    """The reply to a body; `facts` are those of a state. Raises NotAsked, before it asks for facts
    where a question is none."""
    state, questions = _state(body), _questions(body)
    checked = {name: _checked(one, ("questions", name)) for name, one in questions.items()}
    found = facts(state)
    answers = {name: _answer(one, found, ("questions", name)) for name, one in checked.items()}
    read = estimated_tokens(len(state))
    usage = {"input_tokens": read, "output_tokens": 0}
    return {"model": model, "answers": answers, "usage": usage}


def _questions(body: Mapping[str, Any]) -> Mapping[str, Any]:
    questions = body.get("questions")
    if not isinstance(questions, dict) or "" in questions:
        raise NotAsked("questions must be an object, by names that are not empty", ("questions",))
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        raise NotAsked(f"there must be 1 to {MOST_QUESTIONS} questions", ("questions",))
    return questions


def _checked(question: Any, place: Place) -> tuple[str, Sequence[str]]:
    """What a question asks for, and its options."""
    if not isinstance(question, dict) or question.get("type") not in ("noul", "choice", "score"):
        raise NotAsked("a question needs the type noul, choice or score", (*place, "type"))
    kind, about = question["type"], question.get("instructions")
    known = {"noul": NOULS, "choice": CHOICES}.get(kind, ())
    if not isinstance(about, str) or about not in known:
        listed = ", ".join((*NOULS, *CHOICES))
        words = f"a {kind} of {quoted(about)} is not known; the router answers {listed}"
        raise NotAsked(f"{words} (noul, noul, choice, choice)", (*place, "instructions"))
    criteria = question.get("criteria")
    if kind == "noul":
        if not isinstance(criteria, dict | None):
            raise NotAsked("criteria must be an object", (*place, "criteria"))
        return about, ()
    if not isinstance(criteria, dict) or not 1 <= len(criteria) <= MOST_OPTIONS:
        raise NotAsked(f"a choice has 1 to {MOST_OPTIONS} options", (*place, "criteria"))
    return about, tuple(criteria)


def _answer(asked: tuple[str, Sequence[str]], facts: Facts, place: Place) -> dict[str, Any]:
    about, options = asked
    if about == "needs_tools":
        if facts.needs_tools is None:
            raise NotAsked("this artifact does not tell what needs tools", place)
        return {"type": "noul", "noul": facts.needs_tools}
    if about == "difficulty":
        return {"type": "noul", "noul": facts.difficulty}
    known = facts.kinds if about == "kind" else facts.experts
    masses = {option: _mass(option, known, place) for option in options}
    total = sum(masses.values())
    even = 1 / len(options)
    shares = {name: mass / total if total > 0 else even for name, mass in masses.items()}
    best = max(shares, key=shares.__getitem__)
    return {
        "type": "choice",
        "choice": best,
        "probabilities": shares,
        "confidence": 1.0 if even == 1 else max(0.0, (shares[best] - even) / (1 - even)),
        "x_mass": total,
    }


def _mass(option: str, known: Mapping[str, float], place: Place) -> float:
    """The probability of an option: of its own, or of all whose names begin with it."""
    masses = [p for name, p in known.items() if name == option or name.startswith(f"{option}/")]
    if not masses:
        words = f"there is no {quoted(option)}; some are {', '.join([*known][:8])}"
        raise NotAsked(words, (*place, "criteria", option))
    return sum(masses)
