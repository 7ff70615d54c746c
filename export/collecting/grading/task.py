"""What is to be measured in one outcome row: the answers, and what they are compared with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from typing import Literal

from edge_router.learning.outcomes.rows import Row

from ..outcome import reference_answer
from ..similarity import KEPT_ANSWER_CHARS

__all__ = ["Measure", "Task", "is_cut", "task_of"]

Measure = Literal["score", "similarity"]


@dataclass(frozen=True, slots=True)
class Task:
    """`wanted` are the measures by expert, of `answers`, which are texts by expert."""

    metric: str
    gold: str
    reference: str
    answers: Mapping[str, str]
    wanted: Mapping[str, tuple[Measure, ...]]

    @property
    def identity(self) -> str:
        """A hash of all that decides the result, by which a journal knows it."""
        text = json.dumps(astuple(self), sort_keys=True)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:24]


def task_of(
    row: Row, question: Row, measures: Collection[Measure], *, missing: bool
) -> Task | None:
    """Of the answers of `row` to `question`; None where there is nothing to measure.

    With `missing` only what was never measured. An answer that was cut when it was kept is never
    measured again: its end, which often decides, is gone.
    """
    answers = {name: text for name, text in (row.get("answer") or {}).items() if text is not None}
    wanted = {
        name: tuple(
            measure
            for measure in measures
            if name not in row.get(measure, {}) or not (missing or is_cut(text))
        )
        for name, text in answers.items()
    }
    if not any(wanted.values()):
        return None
    wanted = {name: some for name, some in wanted.items() if some}
    return Task(
        question["metric"],
        str(question["gold"]),
        reference_answer(question),
        {name: answers[name] for name in wanted},
        wanted,
    )


def is_cut(answer: str) -> bool:
    """Whether it is as long as what is kept of an answer."""
    return len(answer) == KEPT_ANSWER_CHARS
