"""/v1/systemone: typed questions about a state, a probability for each of their options.

The protocol is that of TypeSafe's Jev, which llama-server and vLLM speak too. Four questions are
answered by the router itself, from one encoder pass; their `instructions` are one of these words:

- "needs_tools" (noul): that the state needs live data or a device
- "difficulty" (noul): that the weakest expert here would not answer it well
- "kind" (choice): which kind of task it is; options are kinds of the artifact, such as
  "everyday/coding", or what such names begin with before a slash
- "expert" (choice): who would be asked; options are experts' names

The options of such a choice share all probability; `x_mass` says how much of it was theirs before.
Any other question is weighed by a local model, if the server has one that can; without one it is
refused with 422. How good those answers are is up to that model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from edge_router.chat.request import estimated_tokens
from edge_router.guards.redaction import quoted

__all__ = ["Facts", "NotAsked", "Question", "Weigh", "replied"]

MOST_QUESTIONS, MOST_OPTIONS, MOST_LEVELS = 64, 255, 10
NOULS, CHOICES = ("needs_tools", "difficulty"), ("kind", "expert")
KNOWN: Mapping[str, tuple[str, ...]] = {"noul": NOULS, "choice": CHOICES, "score": ()}
TRUE, FALSE = "true", "false"
Place = tuple[str, ...]


class NotAsked(Exception):
    """What is wrong with a body, and where in it: the protocol's 422."""

    def __init__(self, message: str, place: Place = ()) -> None:
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


@dataclass(frozen=True, slots=True)
class Question:
    """A typed question: its `words`, and its `options` with what is said of each, "" for nothing.

    The options of a noul are "true" and "false", those of a score its levels "0", "1" and so on,
    whose texts `levels` has as they were stated. `place` says where it stands in the body.
    """

    type: Literal["noul", "choice", "score"]
    words: str
    options: Mapping[str, str]
    levels: Sequence[Any] = ()
    place: Place = field(default=(), compare=False)


Weigh = Callable[[str, Question], Sequence[float]]
"""The probability of each option of a question about a state, from a local model."""


def replied(
    body: Mapping[str, Any],
    facts: Callable[[str], Facts],
    model: str,
    weigh: Weigh | None = None,
) -> dict[str, Any]:
    """The reply to a body. `facts` are those of a state, asked for where a question needs them;
    `weigh` answers the others, None where nothing can. Raises NotAsked, before any is answered
    where a question is none."""
    state, questions = _state(body), _questions(body)
    asked = {name: _question(one, ("questions", name)) for name, one in questions.items()}
    for question in asked.values() if weigh is None else ():
        _require_known(question)
    facts = _once(facts)
    answers = {name: _answered(one, state, facts, weigh) for name, one in asked.items()}
    usage = {"input_tokens": estimated_tokens(len(state)), "output_tokens": 0}
    return {"model": model, "answers": answers, "usage": usage}


def _once(facts: Callable[[str], Facts]) -> Callable[[str], Facts]:
    known: list[Facts] = []

    def of(state: str) -> Facts:
        if not known:
            known.append(facts(state))
        return known[0]

    return of


def _state(body: Mapping[str, Any]) -> str:
    """The state as a text."""
    state = body.get("state")
    text = state if isinstance(state, str) else json.dumps(state, ensure_ascii=False)
    if state in (None, [], {}) or not isinstance(state, (str, dict, list)) or not text.strip():
        raise NotAsked("state must be a text, an object or a list, and not empty", ("state",))
    return text


def _questions(body: Mapping[str, Any]) -> Mapping[str, Any]:
    questions = body.get("questions")
    if not isinstance(questions, dict) or "" in questions:
        raise NotAsked("questions must be an object, by names that are not empty", ("questions",))
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        raise NotAsked(f"there must be 1 to {MOST_QUESTIONS} questions", ("questions",))
    return questions


def _question(stated: Any, place: Place) -> Question:
    """A question as it stands in a body. Raises NotAsked."""
    kind = stated.get("type") if isinstance(stated, dict) else None
    if not isinstance(kind, str) or kind not in KNOWN:
        raise NotAsked("a question needs the type noul, choice or score", (*place, "type"))
    words, criteria = stated.get("instructions"), stated.get("criteria")
    text = _text(words)
    inside = (*place, "criteria")
    if kind == "noul":
        if not isinstance(criteria, dict | None):
            raise NotAsked("criteria must be an object with true and false", inside)
        said = criteria or {}
        options = {name: _text(said.get(name)) for name in (TRUE, FALSE)}
        if not text and not any(options.values()):
            raise NotAsked("a noul needs instructions or criteria", (*place, "instructions"))
        return Question("noul", text, options, place=place)
    if kind == "choice":
        if not isinstance(criteria, dict) or not 1 <= len(criteria) <= MOST_OPTIONS:
            raise NotAsked(f"criteria must be an object of 1 to {MOST_OPTIONS} options", inside)
        options = {name: _text(one) for name, one in criteria.items()}
        return Question("choice", text, options, place=place)
    if not isinstance(criteria, list) or not 2 <= len(criteria) <= MOST_LEVELS:
        raise NotAsked(f"criteria must be a list of 2 to {MOST_LEVELS} levels", inside)
    if None in criteria:
        raise NotAsked("a level must not be null", inside)
    options = {str(at): _text(one) for at, one in enumerate(criteria)}
    return Question("score", text, options, criteria, place)


def _text(stated: Any) -> str:
    """Instructions or a description as a text: they may be objects, lists and numbers too."""
    if stated is None or isinstance(stated, str):
        return stated or ""
    return json.dumps(stated, ensure_ascii=False)


def _require_known(question: Question) -> None:
    """Raise NotAsked for a question that is none of the router's own."""
    if question.words not in KNOWN[question.type]:
        listed = ", ".join((*NOULS, *CHOICES))
        raise NotAsked(
            f"a {question.type} of {quoted(question.words)} is not known; the router answers "
            f"{listed} (noul, noul, choice, choice), and any other question where a local expert "
            "runs on llama-cpp-python: pip install 'edge-router[local]'",
            (*question.place, "instructions"),
        )


def _answered(
    question: Question, state: str, facts: Callable[[str], Facts], weigh: Weigh | None
) -> dict[str, Any]:
    known = question.words in KNOWN[question.type]
    if known and question.type == "noul":
        return {"type": "noul", "noul": _noul(question, facts(state))}
    if known:
        of_state = facts(state)
        theirs = of_state.kinds if question.words == "kind" else of_state.experts
        masses = [_mass(option, theirs) for option in question.options]
        if weigh is None or None not in masses:
            return _shared(question, masses, theirs)
    assert weigh is not None
    return _weighed(question, weigh(state, question))


def _noul(question: Question, facts: Facts) -> float:
    if question.words == "difficulty":
        return facts.difficulty
    if facts.needs_tools is None:
        raise NotAsked("this artifact does not tell what needs tools", question.place)
    return facts.needs_tools


def _mass(option: str, known: Mapping[str, float]) -> float | None:
    """The probability of an option, of its own or of all whose names begin with it; None for one
    that is not known."""
    masses = [p for name, p in known.items() if name == option or name.startswith(f"{option}/")]
    return sum(masses) if masses else None


def _shared(
    question: Question, masses: Sequence[float | None], known: Mapping[str, float]
) -> dict[str, Any]:
    """The answer to a choice among what the router knows. Raises NotAsked for an unknown option."""
    for option, mass in zip(question.options, masses, strict=True):
        if mass is None:
            words = f"there is no {quoted(option)}; some are {', '.join([*known][:8])}"
            raise NotAsked(words, (*question.place, "criteria", option))
    total = sum(filter(None, masses))
    even = 1 / len(masses)
    shares = [(mass or 0.0) / total if total > 0 else even for mass in masses]
    return _weighed(question, shares) | {"x_mass": total}


def _weighed(question: Question, shares: Sequence[float]) -> dict[str, Any]:
    """The answer that a distribution over the options gives."""
    probabilities = dict(zip(question.options, shares, strict=True))
    if question.type == "noul":
        return {"type": "noul", "noul": probabilities[TRUE]}
    if question.type == "choice":
        return {
            "type": "choice",
            "choice": max(probabilities, key=probabilities.__getitem__),
            "probabilities": probabilities,
            "confidence": _peak(shares),
        }
    return {
        "type": "score",
        "score": sum(level * share for level, share in enumerate(shares)),
        "legend": dict(zip(question.options, question.levels, strict=True)),
        "probabilities": probabilities,
        "confidence": _nearness(shares),
    }


def _peak(shares: Sequence[float]) -> float:
    """The confidence of a choice, 0..1: how far the best option is above an even share."""
    even = 1 / len(shares)
    return 1.0 if even == 1 else max(0.0, (max(shares) - even) / (1 - even))


def _nearness(shares: Sequence[float]) -> float:
    """The confidence of a score, 0..1: how near to the likeliest level the others are, against an
    even distribution about the middle."""
    count, best = len(shares), max(range(len(shares)), key=shares.__getitem__)
    spread = sum(share * abs(level - best) for level, share in enumerate(shares))
    even = sum(abs(level - (count - 1) / 2) for level in range(count)) / count
    return max(0.0, 1 - spread / even)
