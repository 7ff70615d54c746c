"""Open what the `[tasks]` settings describe: the task set and its classifier."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Protocol

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.errors import ConfigError
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.settings.config import Config

from .classification import TaskClassifier
from .enrolled import HeadClassifier, KindClassifier, NeighbourClassifier
from .llm import Consultable, LLMTaskClassifier, Retrieval, asking_client
from .task_set import TaskSet

__all__ = [
    "ClassifyingClient",
    "ReadingRouter",
    "asks_an_expert",
    "classifying_expert",
    "open_classifier",
    "open_expert_classifier",
    "open_task_set",
    "setting_of",
]


class ReadingRouter(Protocol):
    """What reads a query: a Router."""

    @property
    def artifact(self) -> RouterArtifact: ...

    def embed(self, prompt: Prompt) -> Float32s: ...

    def represent(self, request: ChatRequest) -> Representation: ...


class ClassifyingClient(Consultable, Protocol):
    """What reads a query and asks experts: an EdgeRouter."""

    @property
    def config(self) -> Config: ...

    @property
    def router(self) -> ReadingRouter: ...


def asks_an_expert(config: Config) -> bool:
    """Whether the configured classifier is an expert, a language model."""
    return config.tasks.classifier.startswith("llm")


def open_task_set(config: Config, router: ReadingRouter) -> TaskSet:
    """The configured task set, on this router's embeddings. Raises ConfigError."""
    return TaskSet(config.data_folder, config.tasks.set, router.artifact)


def open_classifier(config: Config, router: ReadingRouter) -> TaskClassifier:
    """The configured classifier of our own: a head, or a vote of neighbours. No expert is opened.

    Raises ConfigError for a classifier that is an expert.
    """
    kept, settings = open_task_set(config, router), config.tasks
    least = settings.least_probability
    if settings.classifier == "head":
        kept.head()
        return HeadClassifier(kept.head, router.embed, least_probability=least)
    if settings.classifier == "kinds":
        return KindClassifier(
            router.represent,
            router.artifact.manifest.task_kinds,
            kept.tasks,
            least_probability=least,
        )
    if settings.classifier == "neighbours":
        return NeighbourClassifier(
            kept.index, kept.tasks, router.embed, k=settings.examples, least_probability=least
        )
    raise ConfigError(f"the classifier {settings.classifier!r} needs a client: it asks an expert")


def open_expert_classifier(client: ClassifyingClient) -> TaskClassifier:
    """The configured classifier over an expert of a client, with similar questions or without.

    Raises ConfigError for an expert that there is not, LearningError without a task list.
    """
    settings = client.config.tasks
    kept = open_task_set(client.config, client.router)
    kept.tasks()
    retrieval = None
    if settings.classifier == "llm+examples":
        retrieval = Retrieval(kept.index, client.router.embed, settings.examples)
    ask = asking_client(client, classifying_expert(client.config))
    return LLMTaskClassifier(ask, kept.tasks, retrieval=retrieval)


def setting_of(config: Config, kept: TaskSet) -> str:
    """What else than the tasks an answer of the configured classifier depends on."""
    stated = asdict(config.tasks) | {"artifact": config.artifact, "questions": len(kept.index)}
    if asks_an_expert(config):
        expert = config.experts[classifying_expert(config)]
        stated |= {"model": expert.model, "base_url": expert.base_url}
    return json.dumps(stated, sort_keys=True)


def classifying_expert(config: Config) -> str:
    """The configured expert that names tasks, else the first on this device, else the first.

    Raises ConfigError for one that there is not.
    """
    stated = config.tasks.expert
    if stated is not None and stated not in config.experts:
        raise ConfigError(
            f"expert = {stated!r:.80} in [tasks] is none of {', '.join(config.experts)}"
        )
    here = (name for name, expert in config.experts.items() if expert.on_device)
    return stated or next(here, next(iter(config.experts)))
