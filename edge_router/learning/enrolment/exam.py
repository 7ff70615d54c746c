"""Have an expert answer shipped questions, and journal each graded outcome.

The journal holds hashes of questions, scores and token counts, no text: a run that was stopped goes
on, and a new router's head is fitted to the same answers without asking again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatCompletion, ChatRequest
from edge_router.errors import ConfigError
from edge_router.routing.experts.expert import Pricing
from edge_router.settings.dollars import dollars

from ..outcomes.rows import Row
from .asking import Retries, outcome_row, question_request, record
from .everyday_questions import everyday_questions
from .grading import INSTRUCTIONS, MAX_TOKENS, grade
from .journal import Journal

__all__ = ["Answered", "ExamQuestion", "Examination", "exam_questions"]

SOURCE = "everyday"
ATTEMPTS = 2
PAUSE_S = 1.0
FAILURES_IN_A_ROW = 5
DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """A shipped question: `id` is a hash of it, `gold` is as `grading.grade` reads it."""

    id: str
    kind: str
    metric: str
    query: str
    gold: str

    @property
    def request(self) -> ChatRequest:
        """What the expert is asked: the question, and how to answer it."""
        return question_request(
            self.query,
            instruction=INSTRUCTIONS[self.metric],
            max_tokens=MAX_TOKENS[self.metric],
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """How one question went: `score` 0 or 1; `output_tokens` None where not counted."""

    id: str
    score: float
    output_tokens: float | None

    @classmethod
    def of(cls, row: Row, expert: str) -> Self:
        """From an outcome row with a score of `expert`."""
        tokens = row.get("output_tokens", {}).get(expert)
        return cls(str(row["id"]), float(row["score"][expert]), tokens)


@dataclass(frozen=True, slots=True)
class Examination:
    """Asks one expert, called `name`, and journals.

    `budget_usd` bounds what asking may cost at `pricing`; None means no bound. `thought_tokens` is
    the room for what it thinks before an answer: without it the answer would be cut off, and wrong.
    """

    name: str
    backend: Backend
    journal: Journal
    pricing: Pricing | None = None
    budget_usd: float | None = None
    thought_tokens: float = 0.0
    deadline_s: float = DEADLINE_S
    pause_s: float = PAUSE_S

    def ask(
        self,
        questions: Sequence[ExamQuestion],
        progress: Callable[[int, str | None], None] = lambda _done, _failure: None,
    ) -> list[Answered]:
        """Ask those of `questions` that the journal lacks; returns all that the journal holds then.

        A question that failed is left out of it. `progress` receives how many are done, and the
        message of a failure. Raises ConfigError after 5 failures in a row or when the budget is
        spent; what was answered stays in the journal.
        """
        rows = {row["id"]: row for row in self.journal.rows() if self.name in row["score"]}
        missing = [question for question in questions if question.id not in rows]
        outcomes = record(
            self._outcomes(missing), self.name, self.journal, most_failures=FAILURES_IN_A_ROW
        )
        for done, row in enumerate(outcomes, len(questions) - len(missing) + 1):
            failure = row.get("failed", {}).get(self.name)
            if failure is None:
                rows[row["id"]] = row
            progress(done, failure)
        return [Answered.of(row, self.name) for row in rows.values()]

    def _outcomes(self, questions: Sequence[ExamQuestion]) -> Iterator[Row]:
        """Each question's row, as long as the budget pays for the longest answer to the next."""
        spent = 0.0
        for question in questions:
            self._check_budget(question, spent)
            stored = {"source": SOURCE, "id": question.id}
            row = outcome_row(stored, self.name, partial(self._answer, question))
            if self.name in row["score"]:
                spent += self._cost(question, row.get("output_tokens", {}).get(self.name))
            yield row

    def _answer(self, question: ExamQuestion) -> dict[str, float | None]:
        """The grade and the tokens of the answer; what may pass is tried once more."""

        def complete() -> ChatCompletion:
            deadline = Deadline.after(self.deadline_s)
            return self.backend.complete(self._request(question), deadline=deadline)

        retries = Retries(ATTEMPTS, self.pause_s, most_pause_s=self.deadline_s)
        completion = retries.run(complete)
        return {
            "score": grade(question.metric, completion.text, question.gold),
            "output_tokens": completion.usage.completion_tokens if completion.usage else None,
        }

    def _request(self, question: ExamQuestion) -> ChatRequest:
        """The question, with room for thoughts and an answer."""
        request = question.request
        return replace(request, max_tokens=request.max_tokens + math.ceil(self.thought_tokens))

    def _cost(self, question: ExamQuestion, tokens: float | None = None) -> float:
        """Dollars; at most what the longest answer costs where tokens were not counted."""
        if self.pricing is None:
            return 0.0
        request = self._request(question)
        longest = request.max_tokens if tokens is None else tokens
        return self.pricing.cost(request.characters / CHARACTERS_PER_TOKEN, longest)

    def _check_budget(self, question: ExamQuestion, spent: float) -> None:
        if self.budget_usd is None:
            return
        if self.pricing is None:
            raise ConfigError(f"budget_usd is set, and the price of {self.name!r} is not known")
        if spent + self._cost(question) > self.budget_usd:
            raise ConfigError(
                f"the budget of {dollars(self.budget_usd, digits=6)} is spent; its answers are "
                "kept, raise budget_usd to go on"
            )


def exam_questions() -> list[ExamQuestion]:
    """All questions that ship, in a fixed order."""
    return [
        ExamQuestion(_digest(query), kind, metric, query, gold)
        for kind, metric, query, gold in everyday_questions()
    ]


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]
