"""Run a classifier over labelled questions: a journal that a killed run goes on from, and retries.

The journal is a file of outcome rows in which classifiers stand where experts do: a score of 1 for
the right task, the named task as the answer. It holds hashes of questions, no text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge_router.errors import BackendError, BudgetReached, NoExpertFits
from edge_router.learning.enrolment.asking import Retries, outcome_row, record
from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row

from ..classification import Classification, TaskClassifier
from ..labelled import LabelledQuestion
from .confusion import Confusion

__all__ = ["Evaluated", "EvaluationRun", "confusion_of"]

ATTEMPTS, PAUSE_S, MOST_PAUSE_S = 3, 1.0, 60.0
FAILURES_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The task that a classifier named for a question, and how long it took."""

    question: LabelledQuestion
    named: str
    seconds: float


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """Classifies questions that the journal lacks.

    A run of other tasks, or of another `setting` of the classifier, shares nothing with this one,
    also in the same file. A call that may pass is tried three times; one that failed all the same,
    or that a limit ruled out, is not in the journal, so the next run tries it again. A budget that
    is spent ends the run.
    """

    classifier: TaskClassifier
    journal: Journal
    setting: str = ""
    pause_s: float = PAUSE_S

    def ask(
        self,
        questions: Sequence[LabelledQuestion],
        progress: Callable[[int, str | None], None] = lambda _done, _failure: None,
    ) -> list[Evaluated]:
        """All that the journal holds of `questions` then, in their order.

        `progress` receives how many are done, and the message of a failure. Raises
        ExpertKeepsFailing after 5 failures in a row; what was answered stays in the journal.
        """
        known = self._known()
        missing = [one for one in questions if one.key not in known]
        rows = record(
            self._rows(missing),
            self.classifier.name,
            self.journal,
            most_failures=FAILURES_IN_A_ROW,
        )
        for done, row in enumerate(rows, len(questions) - len(missing) + 1):
            failure = row.get("failed", {}).get(self.classifier.name)
            if failure is None:
                known[row["id"]] = row
            progress(done, failure)
        return [self._evaluated(one, known[one.key]) for one in questions if one.key in known]

    @property
    def source(self) -> str:
        """What tells the rows of this run from those of another one."""
        stated = json.dumps([self.classifier.tasks.to_json(), self.setting])
        return f"tasks-{hashlib.sha256(stated.encode()).hexdigest()[:12]}"

    def _known(self) -> dict[str, Row]:
        name, source = self.classifier.name, self.source
        return {
            row["id"]: row
            for row in self.journal.rows()
            if row["source"] == source and name in row["score"] and name in row.get("answer", {})
        }

    def _rows(self, questions: Sequence[LabelledQuestion]) -> Iterator[Row]:
        for question in questions:
            stored = {"source": self.source, "id": question.key, "task": question.task}
            yield outcome_row(stored, self.classifier.name, partial(self._classified, question))

    def _classified(self, question: LabelledQuestion) -> dict[str, Any]:
        def classify() -> Classification:
            return self.classifier.classify(question.request)

        try:
            named = Retries(ATTEMPTS, self.pause_s, most_pause_s=MOST_PAUSE_S).run(classify)
        except BudgetReached:
            raise
        except NoExpertFits as error:  # of this question alone, such as one that may not leave
            raise BackendError(str(error)) from None
        return {
            "score": float(named.task == question.task),
            "answer": named.task,
            "latency_s": named.seconds,
        }

    def _evaluated(self, question: LabelledQuestion, row: Row) -> Evaluated:
        name = self.classifier.name
        seconds = float(row.get("latency_s", {}).get(name, 0.0))
        return Evaluated(question, row["answer"][name], seconds)


def confusion_of(evaluated: Sequence[Evaluated], tasks: Sequence[str]) -> Confusion:
    """The confusion matrix of what was evaluated."""
    return Confusion.of(
        [one.question.task for one in evaluated], [one.named for one in evaluated], tasks
    )
