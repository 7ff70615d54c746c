"""Open what the `[tasks]` settings describe: the task set, its classifier and the task router."""

from __future__ import annotations

import json
from dataclasses import asdict

from edge_router.client.sync_client import EdgeRouter
from edge_router.errors import ConfigError
from edge_router.routing.router import Router
from edge_router.settings.config import Config

from .classification import TaskClassifier
from .enrolled import HeadClassifier, NeighbourClassifier
from .llm import LLMTaskClassifier, Retrieval, asking_client
from .task_router import TaskRouter
from .task_set import TaskSet

__all__ = [
    "asks_an_expert",
    "classifying_expert",
    "open_classifier",
    "open_expert_classifier",
    "open_task_router",
    "open_task_set",
    "setting_of",
]


def asks_an_expert(config: Config) -> bool:
    """Whether the configured classifier is an expert, a language model."""
    return config.tasks.classifier.startswith("llm")


def open_task_set(config: Config, router: Router) -> TaskSet:
    """The configured task set, on this router's embeddings. Raises ConfigError."""
    return TaskSet(config.data_folder, config.tasks.set, router.artifact)


def open_classifier(config: Config, router: Router) -> TaskClassifier:
    """The configured classifier of our own: a head, or a vote of neighbours. No expert is opened.

    Raises ConfigError for a classifier that is an expert.
    """
    kept, settings = open_task_set(config, router), config.tasks
    least = settings.least_probability
    if settings.classifier == "head":
        kept.head()
        return HeadClassifier(kept.head, router.embed, least_probability=least)
    if settings.classifier == "neighbours":
        return NeighbourClassifier(
            kept.index, kept.tasks, router.embed, k=settings.examples, least_probability=least
        )
    raise ConfigError(f"the classifier {settings.classifier!r} needs a client: it asks an expert")


def open_expert_classifier(client: EdgeRouter) -> TaskClassifier:
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


def open_task_router(client: EdgeRouter) -> TaskRouter:
    """Two-stage routing through a client, as its settings describe it.

    Raises ConfigError, and LearningError for a task set without what it takes.
    """
    config = client.config
    classifier = (
        open_expert_classifier(client)
        if asks_an_expert(config)
        else open_classifier(config, client.router)
    )
    mapping = open_task_set(config, client.router).mapping
    return TaskRouter(client, classifier, mapping, choice=config.tasks.choice)


def setting_of(config: Config) -> str:
    """What else than the tasks an answer of the configured classifier depends on."""
    stated = asdict(config.tasks) | {"artifact": config.artifact}
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
