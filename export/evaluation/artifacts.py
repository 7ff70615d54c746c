"""A router artifact as it is shipped: its encoder's representations, its experts' heads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from tqdm import tqdm

from edge_router.artifact import RouterArtifact
from edge_router.calibration import sigmoid
from edge_router.encoder import OnnxEncoder
from edge_router.experts import ExpertHead, find_head

from ..experts_file import FALLBACK_PROFILE
from ..heads import LinearHead, fit_model_head
from ..kept import write_arrays
from ..routers.base import Floats
from .contenders import Predictions, Side
from .tasks import Task

__all__ = ["ArtifactContender", "Representations"]

CHUNK = 512  # queries between two files: what a killed run loses at most


@dataclass(slots=True)
class Representations:
    """The encoder's vectors of texts, each computed once.

    One query at a time as in serving (int8 numbers depend on the batch). They lie in `work` in npz
    files of at most 512 texts, named after the artifact's and the texts' hash.
    """

    artifact: RouterArtifact
    work: Path
    _known: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as kept:
                self._known.update(zip(kept["digests"].tolist(), kept["vectors"], strict=True))

    @property
    def _folder(self) -> Path:
        return self.work / f"representations-{self.artifact.hash[:16]}"

    def of(self, texts: Sequence[str]) -> Floats:
        """(texts, representation_dim)."""
        digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
        text_of = dict(zip(digests, texts, strict=True))
        missing = [digest for digest in text_of if digest not in self._known]
        if missing:
            self._compute(missing, [text_of[digest] for digest in missing])
        return np.array([self._known[digest] for digest in digests])

    def _compute(self, digests: Sequence[str], texts: Sequence[str]) -> None:
        encoder = OnnxEncoder(self.artifact)
        name = f"represent with {self.artifact.manifest.name}"
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,  # onnxruntime lets Python's lock go
            tqdm(total=len(texts), desc=name, unit="query", leave=False) as progress,
        ):
            for at in range(0, len(texts), CHUNK):
                part = list(pool.map(encoder.represent, texts[at : at + CHUNK]))
                self._keep(digests[at : at + CHUNK], np.array([found.vector for found in part]))
                progress.update(len(part))

    def _keep(self, digests: Sequence[str], vectors: Floats) -> None:
        name = hashlib.sha256("\0".join(digests).encode()).hexdigest()[:16]
        vectors = vectors.astype(np.float64)
        write_arrays(
            self._folder / f"{name}.npz", {"digests": np.array(digests), "vectors": vectors}
        )
        self._known.update(zip(digests, vectors, strict=True))


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
    ranks: bool = True

    @classmethod
    def of(cls, artifact: RouterArtifact, *, name: str | None = None) -> Self:
        """`name` tells artifacts apart that call themselves the same."""
        key = artifact.hash[:16]
        called = artifact.manifest.name
        return cls(artifact, name or called, f"artifact {called}, {key}", key)

    def predict(self, task: Task, *, work: Path, seed: int) -> Predictions:  # noqa: ARG002 - nothing is drawn
        representations = Representations(self.artifact, work)
        vectors = representations.of(task.test.queries.texts)
        heads = [self._head(task, number, representations) for number in range(len(task.experts))]
        return Predictions(np.stack([_quality(head, vectors) for head in heads], axis=1))

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


def _quality(head: ExpertHead, vectors: Floats) -> Floats:
    """`head.quality` of many queries at once: (queries,)."""
    return sigmoid((head.bias + vectors @ head.weights) / head.temperature)
