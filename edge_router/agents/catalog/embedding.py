"""Sentence embeddings of requests, names, descriptions and examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from edge_router.routing.arrays import Float32s

__all__ = ["Embedder", "RouterEmbedder"]


class Embedder(Protocol):
    """Turns texts into vectors of length 1, so that their products are cosine similarities.

    `name` changes whenever the vectors do: kept vectors of another name are made anew.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Float32s:
        """(texts, dim). Thread-safe."""
        ...


class EmbeddingRouter(Protocol):
    """What is needed of a `Router`: its artifact, and the embedding of a prompt."""

    @property
    def artifact(self) -> Any: ...

    def embed(self, prompt: Any) -> Float32s: ...


class RouterEmbedder:
    """The encoder that routes, which gives an embedding too. Thread-safe.

    Raises ArtifactIncompatible on use for an artifact whose encoder gives none.
    """

    def __init__(self, router: EmbeddingRouter) -> None:
        self._router = router
        self.name: str = router.artifact.hash
        self.dim: int = router.artifact.manifest.embedding_dim or 0

    def embed(self, texts: Sequence[str]) -> Float32s:
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._router.embed(text)
        return vectors
