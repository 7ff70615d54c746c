"""Bench-CoE's classifier: a whole encoder fine-tuned to name the task (Wang et al. 2024).

Training takes minutes of a core and needs no router: what the classifier answers is kept in a file,
and the study of another router reads it there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.text import router_input
from edge_router.settings.constraints import Constraints
from edge_router.tasks.classification import Classification
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.task_list import TaskList

from ...data.npz_cache import Arrays, kept
from ...routers.base import Pool, Queries

__all__ = ["FineTunedClassifier"]

EPOCHS = 2
MAX_CHARS = 1024
TIMED = 50  # questions that are classified alone, for the milliseconds of one


class FineTunedClassifier:
    """all-MiniLM-L6-v2 in place of BERT, a linear layer on its mean over tokens, cross-entropy with
    the task as the label. A new task needs a new layer and another training.

    `logs` (texts, tasks) are log-probabilities of the `texts` that it classifies, no others.
    """

    name = "fine-tuned"

    def __init__(
        self, tasks: TaskList, texts: Iterable[str], logs: Float64s, *, seconds: float
    ) -> None:
        self._tasks = tasks
        self._logs: Mapping[str, Float64s] = dict(zip(texts, logs, strict=True))
        self._seconds = seconds  # of one question, as measured after the training

    @classmethod
    def fit(
        cls,
        questions: Sequence[LabelledQuestion],
        tasks: TaskList,
        asked: Sequence[LabelledQuestion],
        *,
        work: Path,
        seed: int,
    ) -> FineTunedClassifier:
        """Trained on `questions` for EPOCHS epochs, and asked about `asked`; needs torch.

        The answers are kept in `work`. With the same questions and seed, nothing is trained.
        """
        texts = list(dict.fromkeys(_text(one.request) for one in asked))
        stated = [EPOCHS, MAX_CHARS, seed, tasks.names, texts]
        stated.append([[_text(one.request), one.task] for one in questions])
        digest = hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:16]
        answers = kept(
            work / f"tasks-fine-tuned-{digest}.npz",
            lambda: _trained_answers(questions, tasks, texts, seed=seed),
        )
        return cls(tasks, texts, answers["logs"], seconds=float(answers["seconds"]))

    @property
    def tasks(self) -> TaskList:
        return self._tasks

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:  # noqa: ARG002
        logs = self._logs[_text(ChatRequest.of(prompt))]
        task = self._tasks.names[int(np.argmax(logs))]
        probabilities = dict(zip(self._tasks, np.exp(logs).tolist(), strict=True))
        return Classification(task, self.name, self._seconds, probabilities)


def _trained_answers(
    questions: Sequence[LabelledQuestion], tasks: TaskList, texts: Sequence[str], *, seed: int
) -> Arrays:
    """`logs` (texts, tasks), and the median `seconds` of one text alone."""
    from ...routers.networks.fine_tuned import SFT  # torch: not needed where the answers are kept

    place = {name: number for number, name in enumerate(tasks)}
    labels = np.eye(len(tasks))[[place[one.task] for one in questions]]
    network = SFT(epochs=EPOCHS, max_rows=len(questions))
    learned = _queries([_text(one.request) for one in questions])
    network.fit(Pool(learned, tasks.names, labels), seed=seed)
    times = []
    for text in texts[:TIMED]:
        started = time.perf_counter()
        network.utilities(_queries([text]))
        times.append(time.perf_counter() - started)
    return {"logs": network.utilities(_queries(texts)), "seconds": np.array(np.median(times))}


def _text(request: ChatRequest) -> str:
    return router_input(request, MAX_CHARS)


def _queries(texts: Sequence[str]) -> Queries:
    nothing = np.zeros((len(texts), 0))
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    return Queries(tuple(texts), np.full(len(texts), ""), lengths, nothing)
