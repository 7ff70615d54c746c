"""TaskRouter: two-stage routing. The task of a query is named, then its best expert is asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

from edge_router.chat.completion import Prompt
from edge_router.client.answer import Answer, AnswerStream
from edge_router.errors import (
    AllBackendsFailed,
    BackendProtocolError,
    BackendUnavailable,
    ConfigError,
    NoExpertFits,
)
from edge_router.routing.deciding.decision import Decision, Rule, Snapshot
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.settings.constraints import Constraints
from edge_router.settings.task_config import TaskChoice

from .classification import Classification, TaskClassifier
from .mapping import TaskExpertMapping
from .opening import (
    ClassifyingClient,
    ReadingRouter,
    asks_an_expert,
    open_classifier,
    open_expert_classifier,
    open_task_set,
)
from .task_list import UNKNOWN

__all__ = ["TaskAnswer", "TaskAnswerStream", "TaskDecision", "TaskRouter"]

log = logging.getLogger("edge_router")

UNANSWERED = (BackendUnavailable, BackendProtocolError, AllBackendsFailed, NoExpertFits)


@dataclass(frozen=True, slots=True)
class TaskDecision:
    """Both stages of one query: its task, and who answers."""

    classification: Classification
    decision: Decision

    def to_json(self) -> dict[str, Any]:
        """The decision's fields, and the classification's as `classification`."""
        return {"classification": self.classification.to_json()} | self.decision.to_json()


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """A whole answer, and the task that it was routed by."""

    classification: Classification
    answer: Answer

    @property
    def text(self) -> str:
        return self.answer.text


@dataclass(frozen=True, slots=True)
class TaskAnswerStream:
    """An answer in pieces (see AnswerStream, which is to be closed), and the task that it was
    routed by."""

    classification: Classification
    stream: AnswerStream


class DecidingRouter(ReadingRouter, Protocol):
    """What decides as well: a Router."""

    def route(
        self,
        prompt: Prompt,
        constraints: Constraints | None = None,
        snapshot: Snapshot | None = None,
        *,
        rule: Rule | None = None,
    ) -> Decision: ...


class RoutingClient(ClassifyingClient, Protocol):
    """What a TaskRouter routes through: an EdgeRouter."""

    @property
    def router(self) -> DecidingRouter: ...

    def constraints(self) -> Constraints: ...

    def complete(
        self, prompt: Prompt, *, constraints: Constraints | None = None, rule: Rule | None = None
    ) -> Answer: ...

    def stream(
        self, prompt: Prompt, *, constraints: Constraints | None = None, rule: Rule | None = None
    ) -> AnswerStream: ...


class TaskRouter:
    """Routes through `client` by the task that `classifier` names and the mapping (CoE-Ops,
    equations 1 and 3). Thread-safe.

    `mapping` gives the one that counts now: an edit needs no restart. With `choice` "task" the
    best expert of the named task is asked; with "expected", where the classifier gives
    probabilities, the one of the highest accuracy to expect under them, unless the named task's
    expert was set by hand. The other experts follow as fallbacks, all limits hold. A language model
    that cannot be asked leaves the task UNKNOWN, and a warning is logged. Raises ConfigError where
    the mapping names no expert of the settings.
    """

    def __init__(
        self,
        client: RoutingClient,
        classifier: TaskClassifier,
        mapping: Callable[[], TaskExpertMapping],
        *,
        choice: TaskChoice = "task",
    ) -> None:
        self.client = client
        self.classifier = classifier
        self._mapping = mapping
        self._choice = choice
        _require_known(mapping(), client)

    @classmethod
    def from_client(cls, client: RoutingClient) -> Self:
        """As the `[tasks]` settings of a client describe it.

        Raises ConfigError, and LearningError for a task set that lacks what it takes.
        """
        config = client.config
        classifier = (
            open_expert_classifier(client)
            if asks_an_expert(config)
            else open_classifier(config, client.router)
        )
        mapping = open_task_set(config, client.router).mapping
        return cls(client, classifier, mapping, choice=config.tasks.choice)

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:
        """The first stage. Raises as the classifier does, but for an expert that does not answer
        or may not be asked."""
        started = time.perf_counter()
        try:
            return self.classifier.classify(prompt, constraints=constraints)
        except UNANSWERED as error:
            log.warning("the task of a query is not known: %s", error)
            return Classification(UNKNOWN, self.classifier.name, time.perf_counter() - started)

    def rule(self, classification: Classification) -> RankedRule:
        """The second stage: in which order experts are asked."""
        mapping, task = self._mapping(), classification.task
        entry = mapping.of_task(task)
        scores = {name: one.mean for name, one in entry.accuracies.items()}
        order = entry.order
        if self._choice == "expected" and classification.probabilities and not entry.is_by_hand:
            scores = mapping.expected(classification.probabilities)
            order = tuple(sorted(scores, key=lambda name: -scores[name]))
        return RankedRule(order, f"task {task}", scores)

    def decide(self, prompt: Prompt, *, constraints: Constraints | None = None) -> TaskDecision:
        """Both stages; no expert is asked but, where it is one, the classifier."""
        classification = self.classify(prompt, constraints=constraints)
        limits = self.client.constraints()
        limits = limits if constraints is None else limits.tightened(constraints)
        rule = self.rule(classification)
        return TaskDecision(classification, self.client.router.route(prompt, limits, rule=rule))

    def complete(self, prompt: Prompt, *, constraints: Constraints | None = None) -> TaskAnswer:
        """The whole answer. Raises as `EdgeRouter.complete` and `classify` do."""
        classification = self.classify(prompt, constraints=constraints)
        rule = self.rule(classification)
        answer = self.client.complete(prompt, constraints=constraints, rule=rule)
        return TaskAnswer(classification, answer)

    def stream(self, prompt: Prompt, *, constraints: Constraints | None = None) -> TaskAnswerStream:
        """The answer in pieces. Raises as `complete` does."""
        classification = self.classify(prompt, constraints=constraints)
        rule = self.rule(classification)
        stream = self.client.stream(prompt, constraints=constraints, rule=rule)
        return TaskAnswerStream(classification, stream)


def _require_known(mapping: TaskExpertMapping, client: RoutingClient) -> None:
    known = client.config.experts
    asked = [one.expert for one in (*mapping.by_task.values(), mapping.unknown)]
    if not any(name in known for name in mapping.experts):
        raise ConfigError(
            f"the mapping names {', '.join(mapping.experts):.200}, the settings "
            f"{', '.join(known):.200}; say which is which with edge-router tasks map --rename "
            "TABLE=SETTINGS"
        )
    missing = sorted({name for name in asked if name not in known})
    if missing:
        named = ", ".join(missing)
        log.warning("%s of the mapping: not in the settings, the next best answer instead", named)
