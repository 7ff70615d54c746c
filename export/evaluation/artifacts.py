"""A router artifact as it is shipped: its encoder's representations, its experts' heads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import ExpertHead, find_head

from ..graphs.represent import Representations
from ..training.heads import FALLBACK_PROFILE, LinearHead, fit_model_head
from .contenders import Predictions, Side
from .tasks.task import Task

__all__ = ["ArtifactContender"]


@dataclass(frozen=True, slots=True)
class ArtifactContender:
    """An artifact: the quality that its heads expect of each expert is its utility.

    An expert that the artifact does not know is enrolled: a head fitted on the task's train rows,
    starting from the profile `8b`, the middle of the sizes that public tables measure.
    """

    artifact: RouterArtifact
    name: str
    source: str
    key: str
    side: Side = Side.ARTIFACT
    probabilities: bool = True
    classifies: bool = False
    ranks: bool = True

    @classmethod
    def of(cls, artifact: RouterArtifact, *, name: str | None = None) -> Self:
        """`name` tells artifacts apart that call themselves the same."""
        key = artifact.hash[:16]
        called = artifact.manifest.name
        return cls(artifact, name or called, f"artifact {called}, {key}", key)

    def predict(self, task: Task, *, work: Path, seed: int) -> Predictions:  # noqa: ARG002 - nothing is drawn
        representations = Representations.of_artifact(self.artifact, work)
        vectors = representations.of(task.test.queries.texts)
        heads = [self._head(task, number, representations) for number in range(len(task.experts))]
        return Predictions(np.stack([head.qualities(vectors) for head in heads], axis=1))

    def enrolled(self, task: Task) -> tuple[str, ...]:
        """The task's experts that the artifact does not know."""
        return tuple(expert for expert in task.experts if not self._knows(expert))

    def _knows(self, expert: str) -> bool:
        return any(expert in self.artifact.experts[group] for group in ("experts", "profiles"))

    def _head(self, task: Task, number: int, representations: Representations) -> ExpertHead:
        temperature = self.artifact.calibration["temperature"]
        if self._knows(task.experts[number]):
            return find_head(self.artifact.experts, task.experts[number], temperature)
        nearest = find_head(self.artifact.experts, FALLBACK_PROFILE, temperature)
        prior = LinearHead(nearest.bias, nearest.weights.astype(np.float64))
        vectors = representations.of(task.train.queries.texts)
        fitted = fit_model_head(vectors, task.train.scores[:, number], prior)
        weights = fitted.weights.astype(np.float32)
        return ExpertHead(fitted.bias, weights, temperature=temperature)
