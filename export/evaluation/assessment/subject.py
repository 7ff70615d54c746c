"""The artifact under measure: what it expects of models of six sizes for any text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from edge_router.chat.completion import ChatRequest
from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import router_input
from edge_router.routing.experts.expert import PROFILES, ExpertHead, find_head, tools_head

from ...graphs.represent import Representations

__all__ = ["REFERENCE_SIZE", "SIZES", "Readings", "Subject"]

SIZES = PROFILES
REFERENCE_SIZE = SIZES[-1]


@dataclass(frozen=True, slots=True)
class Readings:
    """What an artifact says of some texts.

    `vectors` (texts, dim) and `base_log_tokens` (texts,) are the encoder's; `qualities` (texts,
    sizes) in 0..1 and `log_tokens` (texts, sizes), the natural logarithm of expected answer
    lengths, by size; `needs_tools` (texts,) in 0..1, None where the artifact has no such head.
    """

    vectors: Float64s
    base_log_tokens: Float64s
    qualities: Float64s
    log_tokens: Float64s
    needs_tools: Float64s | None

    def quality(self, size: str) -> Float64s:
        """Expected quality (texts,) of one size."""
        column: Float64s = self.qualities[:, SIZES.index(size)]
        return column

    def gain(self, size: str, over: str = REFERENCE_SIZE) -> Float64s:
        """Expected gain (texts,) of asking the size `over` instead."""
        return self.quality(over) - self.quality(size)


@dataclass(frozen=True, slots=True)
class Subject:
    """An artifact whose representations are kept in a folder between runs."""

    artifact: RouterArtifact
    representations: Representations
    _encoder: OnnxEncoder = field(repr=False)

    @classmethod
    def of(cls, artifact: RouterArtifact, work: Path) -> Self:
        return cls(artifact, Representations.of_artifact(artifact, work), OnnxEncoder(artifact))

    def read(self, texts: Sequence[str]) -> Readings:
        """Each text as a request of its own; representations are kept."""
        return self._readings(*self.representations.with_lengths(self._inputs(texts)))

    def read_once(self, texts: Sequence[str]) -> Readings:
        """The same for texts that nobody asks for again: nothing is kept."""
        read = [self._encoder.represent(text) for text in self._inputs(texts)]
        vectors = np.array([one.vector for one in read], dtype=np.float64)
        return self._readings(vectors, np.array([one.log_tokens for one in read]))

    def embed(self, texts: Sequence[str]) -> Float64s:
        """Sentence embeddings (texts, embedding_dim), of one text at a time as in serving.

        Raises ArtifactIncompatible for an artifact that gives none.
        """
        return np.array([self._encoder.embed([text])[0] for text in texts], dtype=np.float64)

    def head(self, *names: str) -> ExpertHead:
        """The first of `names` that the artifact knows, a model or a size."""
        known = {**self.artifact.experts["profiles"], **self.artifact.experts["experts"]}
        name = next((name for name in names if name in known), names[-1])
        return find_head(self.artifact.experts, name, self.artifact.calibration["temperature"])

    def least_gain(self, size: str, point: str) -> float:
        """The gain that the artifact's own operating point asks of the largest size over `size`."""
        stored = self.artifact.calibration["operating_points"][point]
        if "price" in stored:
            return float(stored["price"])
        return float(stored["min_gain"].get(f"{size}>{REFERENCE_SIZE}", stored["default"]))

    def _inputs(self, texts: Sequence[str]) -> list[str]:
        longest = self.artifact.manifest.max_chars
        return [router_input(ChatRequest.of(text), longest) for text in texts]

    def _readings(self, vectors: Float64s, log_tokens: Float64s) -> Readings:
        heads = [self.head(size) for size in SIZES]
        tools = tools_head(self.artifact.experts)
        return Readings(
            vectors,
            log_tokens,
            np.stack([head.qualities(vectors) for head in heads], axis=1).astype(np.float64),
            np.stack([log_tokens + head.log_tokens for head in heads], axis=1),
            None if tools is None else tools.qualities(vectors),
        )
