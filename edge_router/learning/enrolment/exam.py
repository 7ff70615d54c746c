"""An expert answers shipped questions; each outcome is kept as soon as it is there.

The journal holds hashes of questions, scores and token counts, no text: a run that was stopped goes
on, and a new router's head is fitted to the same answers without asking again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatCompletion, ChatRequest
from edge_router.errors import BackendError, ConfigError
from edge_router.guards.bounded_file import decoded, numbered_lines, refuse_missing
from edge_router.guards.json_lines import json_value
from edge_router.guards.stored_json import FAULTS, number, table, text
from edge_router.routing.experts.expert import Pricing

from .asking import FailureStreak, Retries, question_request
from .everyday_questions import everyday_questions
from .grading import INSTRUCTIONS, MAX_TOKENS, grade

__all__ = ["Answered", "ExamQuestion", "Examination", "exam_questions"]

log = logging.getLogger("edge_router")

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
    output_tokens: int | None


@dataclass(frozen=True, slots=True)
class Examination:
    """Asks one expert, called `name`, and journals.

    `budget_usd` bounds what asking may cost at `pricing`; None means no bound.
    """

    name: str
    backend: Backend
    journal: Path
    pricing: Pricing | None = None
    budget_usd: float | None = None
    deadline_s: float = DEADLINE_S
    pause_s: float = PAUSE_S

    def ask(
        self,
        questions: Sequence[ExamQuestion],
        progress: Callable[[int, BackendError | None], None] = lambda _done, _failure: None,
    ) -> list[Answered]:
        """Ask those of `questions` that the journal lacks; returns all that the journal holds then.

        A question that failed is left out of it. `progress` receives how many are done, and each
        failure. Raises ConfigError after 5 failures in a row or when the budget is spent; what was
        answered stays in the journal.
        """
        known = {answered.id: answered for answered in journalled(self.journal)}
        missing = [question for question in questions if question.id not in known]
        streak, spent = FailureStreak(FAILURES_IN_A_ROW), 0.0
        with _appending(self.journal) as journal:
            for done, question in enumerate(missing, len(questions) - len(missing) + 1):
                self._check_budget(question, spent)
                try:
                    answered, cost = self._answer(question)
                except BackendError as error:
                    if streak.add(failed=True):
                        raise self._stopped(streak.count, error) from error
                    progress(done, error)
                    continue
                streak.add(failed=False)
                spent, known[question.id] = spent + cost, answered
                journal.write(json.dumps(asdict(answered)) + "\n")
                journal.flush()
                progress(done, None)
        return list(known.values())

    def _answer(self, question: ExamQuestion) -> tuple[Answered, float]:
        """The graded answer and its dollars; what may pass is tried once more."""

        def complete() -> ChatCompletion:
            deadline = Deadline.after(self.deadline_s)
            return self.backend.complete(question.request, deadline=deadline)

        retries = Retries(ATTEMPTS, self.pause_s, most_pause_s=self.deadline_s)
        completion = retries.run(complete)
        usage = completion.usage
        tokens = usage.completion_tokens if usage else None
        cost = self._cost(question, tokens)
        return Answered(
            question.id, grade(question.metric, completion.text, question.gold), tokens
        ), cost

    def _cost(self, question: ExamQuestion, tokens: int | None = None) -> float:
        """Dollars; at most what the longest answer costs where tokens were not counted."""
        if self.pricing is None:
            return 0.0
        request = question.request
        longest = request.max_tokens if tokens is None else tokens
        return self.pricing.cost(request.characters / CHARACTERS_PER_TOKEN, longest)

    def _check_budget(self, question: ExamQuestion, spent: float) -> None:
        if self.budget_usd is None:
            return
        if self.pricing is None:
            raise ConfigError(f"budget_usd is set, and the price of {self.name!r} is not known")
        if spent + self._cost(question) > self.budget_usd:
            raise ConfigError(
                f"the budget of ${self.budget_usd:g} is spent; its answers are kept, raise "
                "budget_usd to go on"
            )

    def _stopped(self, failures: int, error: BackendError) -> ConfigError:
        return ConfigError(
            f"{self.name} failed {failures} times in a row, last: {error}; its answers are "
            "kept, mend it and run again"
        )


def exam_questions() -> list[ExamQuestion]:
    """All that ship, in a fixed order."""
    return [
        ExamQuestion(_digest(query), kind, metric, query, gold)
        for kind, metric, query, gold in everyday_questions()
    ]


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def journalled(journal: Path) -> Iterator[Answered]:
    """What a journal holds; a line that a killed run left half, or that is none, is passed over,
    and one warning counts them. Raises ConfigError for a file that cannot be read."""
    try:
        refuse_missing(journal)
    except FileNotFoundError:
        return
    passed_over = 0
    for _, line in numbered_lines(journal, ConfigError):
        try:
            yield _answered(json_value(decoded(line)))
        except FAULTS:
            passed_over += 1
    if passed_over:
        log.warning("%s: %d lines are no answers; those are asked again", journal, passed_over)


def _answered(stored: Any) -> Answered:
    """Raises one of FAULTS for what is no answer."""
    answered = Answered(**table(stored, "it"))
    text(answered.id, "id")
    number(answered.score, "score", 0, 1)
    if answered.output_tokens is not None:
        number(answered.output_tokens, "output_tokens", 0)
    return answered


def _appending(journal: Path) -> TextIO:
    """A journal opened to add lines, after half a line too. Raises OSError."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    file = journal.open("a+", encoding="utf-8")
    if file.tell():
        file.write("\n")
    return file
