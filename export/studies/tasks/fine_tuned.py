"""Bench-CoE's classifier: a whole encoder fine-tuned to name the task (Wang et al. 2024)."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.routing.artifact.text import router_input
from edge_router.settings.constraints import Constraints
from edge_router.tasks.classification import Classification
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.task_list import TaskList

from ...routers.base import Pool, Queries
from ...routers.networks.fine_tuned import SFT

__all__ = ["FineTunedClassifier"]

EPOCHS = 2
MAX_CHARS = 1024


class FineTunedClassifier:
    """all-MiniLM-L6-v2 in place of BERT, a linear layer on its mean over tokens, cross-entropy with
    the task as the label. A new task needs a new layer and another training."""

    name = "fine-tuned"

    def __init__(self, network: SFT, tasks: TaskList) -> None:
        self._network = network
        self._tasks = tasks

    @classmethod
    def fit(
        cls, questions: Sequence[LabelledQuestion], tasks: TaskList, *, seed: int
    ) -> FineTunedClassifier:
        """On labelled questions, for EPOCHS epochs; needs torch."""
        place = {name: number for number, name in enumerate(tasks)}
        labels = np.eye(len(tasks))[[place[one.task] for one in questions]]
        network = SFT(epochs=EPOCHS, max_rows=len(questions))
        network.fit(Pool(_queries([one.request for one in questions]), tasks.names, labels),
                    seed=seed)  # fmt: skip
        return cls(network, tasks)

    @property
    def tasks(self) -> TaskList:
        return self._tasks

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:  # noqa: ARG002
        started = time.perf_counter()
        (logs,) = self._network.utilities(_queries([ChatRequest.of(prompt)]))
        shares = np.exp(logs).tolist()
        task = self._tasks.names[int(np.argmax(logs))]
        probabilities = dict(zip(self._tasks, shares, strict=True))
        return Classification(task, self.name, time.perf_counter() - started, probabilities)


def _queries(requests: Sequence[ChatRequest]) -> Queries:
    texts = tuple(router_input(one, MAX_CHARS) for one in requests)
    nothing = np.zeros((len(texts), 0))
    lengths = np.array([one.characters for one in requests], dtype=np.int64)
    return Queries(texts, np.full(len(texts), ""), lengths, nothing)
