"""Our own classifiers: the encoder's kinds, a head enrolled on its embedding, a vote of neighbours.

None asks a language model. The encoder takes about a millisecond, the head some microseconds; a new
task takes labelled questions and a fit of seconds, and changes nothing in the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.errors import ConfigError, LearningError, TooFewOutcomes
from edge_router.guards.checks import FrozenDict
from edge_router.guards.stored_json import number, table
from edge_router.learning.softmax_regression import SoftmaxRegression
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.representation import Representation
from edge_router.settings.constraints import Constraints

from .classification import Classification, Embed, by_the_rest, likeliest, without_answers
from .embedding.index import EmbeddingIndex, Nearest
from .task_list import TaskList

__all__ = ["HeadClassifier", "KindClassifier", "NeighbourClassifier", "TaskHead"]

PENALTY = 0.07
"""Of the squared weights, on embeddings of length 1. Between 0.03 and 0.3 the accuracy on held-out
questions hardly changes (sets of 4, 14 and 150 classes); this value is about the best for the
probabilities, too."""
NEIGHBOURS = 5
SHARPNESS = 20.0
"""Of the softmax over similarities (CoE-Ops, equation 12, at a temperature of 1 / 20): plain
cosines differ by tenths, and so would hardly weigh."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskHead:
    """A softmax regression whose classes are tasks, fitted to `questions` many."""

    tasks: TaskList
    regression: SoftmaxRegression
    questions: int

    @classmethod
    def fit(cls, vectors: Float32s, labels: Sequence[str]) -> Self:
        """From embeddings (questions, dim) and their tasks. Raises TooFewOutcomes where they are of
        fewer than two tasks."""
        names = tuple(dict.fromkeys(labels))
        if len(names) < 2:
            raise TooFewOutcomes(
                f"the labelled questions are of {len(names)} task; give some of another one",
                needed=2 - len(names),
            )
        place = {name: number for number, name in enumerate(names)}
        numbers = np.array([place[label] for label in labels], dtype=np.intp)
        fitted = SoftmaxRegression.fit(
            np.asarray(vectors), numbers, classes=len(names), penalty=PENALTY
        )
        return cls(TaskList.of(names), fitted, len(labels))

    def probabilities(self, vector: Float32s) -> Mapping[str, float]:
        """By task, for the embedding (dim,) of a query."""
        values = self.regression.probabilities(vector).tolist()
        return FrozenDict(zip(self.tasks.names, values, strict=True))

    def to_json(self) -> dict[str, Any]:
        """As `of_json` reads it."""
        return {
            "tasks": self.tasks.to_json(),
            "questions": self.questions,
            "bias": self.regression.bias.astype(np.float64).round(6).tolist(),
            "weights": self.regression.weights.T.astype(np.float64).round(6).tolist(),
        }

    @classmethod
    def of_json(cls, stated: Mapping[str, Any], dim: int) -> Self:
        """Raises ValueError or ConfigError for what is no head of `dim` weights a task."""
        tasks = TaskList.of_json(table(stated, "head")["tasks"])
        weights = np.array(stated["weights"], dtype=np.float32)
        bias = np.array(stated["bias"], dtype=np.float32)
        if weights.shape != (len(tasks), dim) or bias.shape != (len(tasks),):
            raise ValueError(f"a head of {len(tasks)} tasks has not {dim} weights for each")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ValueError("a weight of the head is not finite")
        questions = int(number(stated["questions"], "questions", 0))
        return cls(tasks, SoftmaxRegression(weights.T, bias), questions)


class HeadClassifier:
    """The head's most probable task; UNKNOWN below `least_probability` (0..1).

    `head` gives the head that counts now: one that was fitted anew needs no restart.
    """

    name = "head"

    def __init__(
        self, head: Callable[[], TaskHead], embed: Embed, *, least_probability: float = 0.0
    ) -> None:
        self._head = head
        self._embed = embed
        self._least = least_probability

    @property
    def tasks(self) -> TaskList:
        return self._head().tasks

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:  # noqa: ARG002
        head = self._head()

        def judged(request: ChatRequest) -> Classification:
            probabilities = head.probabilities(self._embed(request))
            task = likeliest(probabilities, self._least)
            return Classification(task, self.name, 0.0, probabilities)

        return by_the_rest(without_answers(prompt, head.tasks), judged)


class KindClassifier:
    """The encoder's own posterior over the artifact's task `kinds`, as it comes: for tasks that are
    called as those kinds are; UNKNOWN below `least_probability` (0..1). Nothing is enrolled.

    `represent` is `Router.represent`, `kinds` its artifact's `task_kinds`.

    Raises ConfigError at the first query where fewer than two of the tasks are kinds.
    """

    name = "kinds"

    def __init__(
        self,
        represent: Callable[[ChatRequest], Representation],
        kinds: Sequence[str],
        tasks: Callable[[], TaskList],
        *,
        least_probability: float = 0.0,
    ) -> None:
        self._represent = represent
        self._kinds = kinds
        self._tasks = tasks
        self._least = least_probability

    @property
    def tasks(self) -> TaskList:
        return self._tasks()

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:  # noqa: ARG002
        tasks, kinds = self.tasks, self._kinds
        known = [kind for kind in kinds if kind in tasks]
        if len(known) < 2:
            raise ConfigError(
                "the router was trained on none of these tasks; its kinds are "
                f"{', '.join(kinds):.300}"
            )

        def judged(request: ChatRequest) -> Classification:
            posterior = self._represent(request).vector[-len(kinds) :].tolist()
            of_kind = dict(zip(kinds, posterior, strict=True))
            probabilities = FrozenDict({kind: of_kind[kind] for kind in known})
            return Classification(
                likeliest(probabilities, self._least), self.name, 0.0, probabilities
            )

        return by_the_rest(without_answers(prompt, tasks), judged)


class NeighbourClassifier:
    """The vote of the `k` nearest labelled questions, each weighed by the softmax of its similarity
    (CoE-Ops, equations 12 and 13); UNKNOWN below `least_probability` (0..1).

    `tasks` gives the list that counts now; a question added to `index` counts from the next call
    on.
    """

    name = "neighbours"

    def __init__(
        self,
        index: EmbeddingIndex,
        tasks: Callable[[], TaskList],
        embed: Embed,
        *,
        k: int = NEIGHBOURS,
        least_probability: float = 0.0,
    ) -> None:
        self.index = index
        self._tasks = tasks
        self._embed = embed
        self._k = k
        self._least = least_probability

    @property
    def tasks(self) -> TaskList:
        return self._tasks()

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:  # noqa: ARG002
        tasks = self.tasks

        def judged(request: ChatRequest) -> Classification:
            nearest = self.index.nearest(self._embed(request), self._k)
            if not nearest:
                raise LearningError(f"{self.index.folder} has no labelled question; enrol some")
            votes = _votes(nearest, tasks)
            examples = tuple({**one.item, "similarity": one.similarity} for one in nearest)
            return Classification(likeliest(votes, self._least), self.name, 0.0, votes, examples)

        return by_the_rest(without_answers(prompt, tasks), judged)


def _votes(nearest: Sequence[Nearest], tasks: TaskList) -> Mapping[str, float]:
    """By task; a neighbour whose task is in the list no more does not vote, and where none does
    there are no probabilities."""
    votes = dict.fromkeys(tasks, 0.0)
    best = nearest[0].similarity
    for one in nearest:
        if one.item["task"] in votes:
            votes[one.item["task"]] += float(np.exp(SHARPNESS * (one.similarity - best)))
    total = sum(votes.values())
    return FrozenDict({task: vote / total for task, vote in votes.items()} if total else {})
