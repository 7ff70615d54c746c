"""What a judge is asked: one answer, or two in either order, in a text that names no expert."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from string import Template
from typing import Literal

from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.chat.tools import ResponseFormat
from edge_router.guards.bounded_file import read_text
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.text import cut

from ..data.rows import BadData
from ..recipe import RECIPES

__all__ = ["Case", "Mode", "Questionnaire", "cases"]

Mode = Literal["score", "pairs"]

ANSWER_CHARS = 4000  # of an answer, head and tail, that a judge reads
MAX_TOKENS = 16
RATINGS = ("rating", tuple(range(101)))
WINNERS = ("winner", ("A", "B", "tie"))
FIELDS = {"score": ("question", "first"), "pairs": ("question", "first", "second")}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """An answer to judge, or two in this order: `experts` are whose they are, in `row`, which is
    the row with this `number`."""

    number: int
    row: Row
    experts: tuple[str, ...]


def cases(rows: Sequence[Row], mode: Mode, *, seed: int) -> list[Case]:
    """Every answer of every row, or every two of a row in both orders, shuffled.

    The order tells a judge nothing of which answers belong together. Raises BadData where there
    is nothing to judge.
    """
    found = [
        Case(number, row, experts)
        for number, row in enumerate(rows)
        for experts in _experts(row, mode)
    ]
    if not found:
        wanted = "an answer" if mode == "score" else "answers of two experts"
        raise BadData(f"no row has a query and {wanted}; collect answers first")
    random.Random(seed).shuffle(found)  # noqa: S311 - no secret
    return found


def _experts(row: Row, mode: Mode) -> Iterator[tuple[str, ...]]:
    answers = (row.get("answer") or {}).items() if row.get("query") else ()
    answered = sorted(name for name, text in answers if isinstance(text, str))
    if mode == "score":
        yield from ((name,) for name in answered)
    for one, other in combinations(answered, 2) if mode == "pairs" else ():
        yield from ((one, other), (other, one))


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """The text that a judge reads, a template, and the rubric in it.

    A `bound` judge replies in JSON by a schema: one that would write prose cannot. Local models
    can be bound, and servers that take a `response_format`.
    """

    mode: Mode
    template: Template
    rubric: str
    bound: bool = False

    @classmethod
    def load(
        cls,
        mode: Mode,
        *,
        prompt: Path | None = None,
        rubric: Path | None = None,
        bound: bool = False,
    ) -> Questionnaire:
        """From files; without them ours. Raises BadData for a prompt that lacks a field."""
        name = "judge_score.txt" if mode == "score" else "judge_pair.txt"
        path = prompt or RECIPES / name
        template = Template(read_text(path, BadData))
        if not template.is_valid():
            raise BadData(f"{path} has a $ that begins no field; write $$ for a dollar sign")
        fields = set(template.get_identifiers())
        if missing := [field for field in FIELDS[mode] if field not in fields]:
            raise BadData(f"{path} lacks ${missing[0]}; the judge would not see it")
        if odd := fields - {"rubric", "fence", "question", "first", "second", "reference"}:
            raise BadData(f"{path} has an unknown field ${min(odd)}")
        text = read_text(rubric or RECIPES / "judge_rubric.md", BadData)
        return cls(mode, template, text.strip(), bound)

    def request(self, case: Case) -> ChatRequest:
        """What the judge is asked, at temperature 0. No answer can write the fence: it is a hash of
        all of them."""
        row = case.row
        answers = [cut(row["answer"][name], ANSWER_CHARS) for name in case.experts]
        question = cut(str(row["query"]), ANSWER_CHARS)
        seen = "\0".join([question, *answers])
        fence = f"=== {hashlib.sha256(seen.encode(errors='replace')).hexdigest()[:12]}"
        reference = row.get("reference") or row.get("gold")
        text = self.template.substitute(
            rubric=self.rubric,
            fence=fence,
            question=question,
            first=answers[0],
            second=answers[-1],
            reference=f"\n{fence} A GOOD ANSWER\n{cut(str(reference), ANSWER_CHARS)}\n{fence} END\n"
            if reference
            else "",
        )
        return ChatRequest(
            (Message("user", text),),
            max_tokens=MAX_TOKENS,
            temperature=0.0,
            response_format=_form(self.mode) if self.bound else None,
        )


def _form(mode: Mode) -> ResponseFormat:
    name, values = RATINGS if mode == "score" else WINNERS
    schema = {
        "type": "object",
        "properties": {name: {"enum": list(values)}},
        "required": [name],
        "additionalProperties": False,
    }
    return ResponseFormat("json_schema", name="verdict", schema=schema, strict=True)
