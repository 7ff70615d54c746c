"""Labelled pairs of questions, and conversations made of them, for the answer cache."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest

__all__ = ["Group", "Pair", "Talk", "elsewhere", "groups", "pairs", "talks"]

SAMPLES = Path(__file__).with_name("samples")
FILE, OTHERS = SAMPLES / "questions_reworded.txt", SAMPLES / "questions_elsewhere.txt"
SAME = {"+": "reworded", "~": "repeated"}
SYSTEMS = ("", "You are a helpful assistant.", "Answer like a pirate.", "Be brief and exact.")


@dataclass(frozen=True, slots=True)
class Pair:
    """A `kept` question, one that is `asked` later, what is between them, and whether the answer to
    the first one answers the other."""

    kept: str
    asked: str
    kind: str
    same: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A question and the pairs that it is the kept one of."""

    question: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that was answered, and one that comes later."""

    kept: ChatRequest
    asked: ChatRequest
    kind: str
    same: bool


def groups(half: int | None = None) -> list[Group]:
    """All, or every second one: 0 for the half that guards and weights are made with, 1 for the
    half that is only reported."""
    read = _read(FILE)
    return read if half is None else read[half::2]


def elsewhere() -> list[Group]:
    """Those of another author, who knew neither these nor the cache."""
    return _read(OTHERS)


def pairs(half: int) -> list[Pair]:
    return [pair for group in groups(half) for pair in group.pairs]


def _read(path: Path) -> list[Group]:
    blocks = path.read_text(encoding="utf-8").split("\n= ")[1:]
    return [_group(block.splitlines()) for block in blocks]


def _group(lines: list[str]) -> Group:
    question, *others = lines
    return Group(question, tuple(_pair(question, line) for line in others if line))


def _pair(question: str, line: str) -> Pair:
    sign, text = line[0], line[2:]
    if sign in SAME:
        return Pair(question, text, SAME[sign], same=True)
    kind, asked = text.split(": ", 1)
    return Pair(question, asked, kind, same=False)


def talks(half: int, seed: int, count: int = 100) -> Iterator[Talk]:
    """Conversations whose last turn is the same or reworded, after turns that are alike or not."""
    draw, known = random.Random(seed), groups(half)
    for number in range(count):
        group = known[number % len(known)]
        turns = [("system", one)] if (one := draw.choice(SYSTEMS)) else []
        for other in draw.sample(known, draw.randint(1, 4)):
            turns += [("user", other.question), ("assistant", f"About that: {other.question}")]
        history = tuple(Message(role, text) for role, text in turns)
        kept = ChatRequest((*history, Message("user", group.question)))
        reworded = [pair.asked for pair in group.pairs if pair.same]
        asked = ChatRequest((*history, Message("user", draw.choice(reworded))))
        yield _talk(number, kept, asked, draw)


def _talk(number: int, kept: ChatRequest, asked: ChatRequest, draw: random.Random) -> Talk:
    """Two in five are the same, and each of the others is changed in one place."""
    place = draw.randrange(len(asked.messages) - 1)
    changed = replace(asked.messages[place], content=f"{asked.messages[place].text} Or not?")
    before, after = asked.messages[:place], asked.messages[place + 1 :]
    changes = {
        "repeated": kept,
        "reworded": asked,
        "another turn before": replace(asked, messages=(*before, changed, *after)),
        "a turn less": replace(asked, messages=asked.messages[-1:]),
        "other options": replace(asked, max_tokens=17, stop=("\n",)),
        "another user": replace(asked, user="somebody else"),
        "another system prompt": replace(
            asked, messages=(Message("system", "Answer in riddles."), *asked.messages)
        ),
        "a temperature": replace(asked, temperature=0.7),
    }
    kinds = [*changes]
    kind = kinds[number % 2] if number % 5 < 2 else kinds[2 + number % (len(kinds) - 2)]
    return Talk(kept, changes[kind], kind, same=kind in ("repeated", "reworded"))
