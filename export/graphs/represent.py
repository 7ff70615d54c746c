"""Representations of many queries by an encoder, each computed once and kept between runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.encoder import OnnxEncoder, open_session
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Encoder, Representation
from edge_router.routing.artifact.text import RouterTokenizer

from ..data.npz_cache import write_arrays

__all__ = ["Representations"]


CHUNK = 512  # queries between two files: what a killed run loses at most


@dataclass(slots=True)
class Representations:
    """The encoder's vectors and log lengths of texts, each text computed once.

    One query at a time as in serving (int8 numbers depend on the batch). They lie in `folder` in
    npz files of at most 512 texts, named after the texts' hash. `open_encoder` is called where
    something is missing.
    """

    folder: Path
    label: str
    open_encoder: Callable[[], Encoder]
    _known: dict[str, tuple[Float64s, float]] = field(default_factory=dict)

    @classmethod
    def of_artifact(cls, artifact: RouterArtifact, work: Path) -> Self:
        """By an artifact's encoder, kept in `work`."""
        folder = work / f"representations-{artifact.hash[:16]}"
        return cls(folder, artifact.manifest.name, lambda: OnnxEncoder(artifact))

    @classmethod
    def of_graph(cls, graph: Path, tokenizer: RouterTokenizer, work: Path) -> Self:
        """By a graph that no artifact holds yet, kept in `work`."""
        digest = hashlib.sha256(graph.read_bytes()).hexdigest()
        folder = work / f"representations-{digest[:16]}"
        return cls(folder, graph.name, lambda: _GraphEncoder(graph, tokenizer))

    def __post_init__(self) -> None:
        for path in sorted(self.folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as kept:
                if "log_tokens" in kept:
                    self._learn(kept["digests"].tolist(), kept["vectors"], kept["log_tokens"])

    def of(self, texts: Sequence[str]) -> Float64s:
        """Vectors (texts, representation_dim)."""
        return self.with_lengths(texts)[0]

    def with_lengths(self, texts: Sequence[str]) -> tuple[Float64s, Float64s]:
        """Vectors (texts, representation_dim) and log_tokens (texts,)."""
        digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
        text_of = dict(zip(digests, texts, strict=True))
        missing = [digest for digest in text_of if digest not in self._known]
        if missing:
            self._compute(missing, [text_of[digest] for digest in missing])
        known = [self._known[digest] for digest in digests]
        return np.array([vector for vector, _ in known]), np.array([length for _, length in known])

    def _compute(self, digests: Sequence[str], texts: Sequence[str]) -> None:
        encoder = self.open_encoder()
        name = f"represent with {self.label}"
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,  # onnxruntime lets Python's lock go
            tqdm(total=len(texts), desc=name, unit="query", leave=False) as progress,
        ):
            for at in range(0, len(texts), CHUNK):
                part = list(pool.map(encoder.represent, texts[at : at + CHUNK]))
                self._keep(digests[at : at + CHUNK], part)
                progress.update(len(part))

    def _keep(self, digests: Sequence[str], part: Sequence[Representation]) -> None:
        name = hashlib.sha256("\0".join(digests).encode()).hexdigest()[:16]
        vectors = np.array([one.vector for one in part], dtype=np.float64)
        log_tokens = np.array([one.log_tokens for one in part], dtype=np.float64)
        arrays = {"digests": np.array(digests), "vectors": vectors, "log_tokens": log_tokens}
        write_arrays(self.folder / f"{name}.npz", arrays)
        self._learn(digests, vectors, log_tokens)

    def _learn(self, digests: Sequence[str], vectors: Float64s, log_tokens: Float64s) -> None:
        rows = zip(vectors, log_tokens.tolist(), strict=True)
        self._known.update(zip(digests, rows, strict=True))


class _GraphEncoder:
    """An encoder's graph and its tokenizer, as they are before an artifact is packaged."""

    def __init__(self, graph: Path, tokenizer: RouterTokenizer) -> None:
        self._session: Any = open_session(graph)
        self._tokenizer = tokenizer

    def represent(self, text: str) -> Representation:
        ids, mask = self._tokenizer.batch([text])
        feed = {"input_ids": ids, "attention_mask": mask}
        vectors, log_tokens = self._session.run(["representation", "log_tokens"], feed)
        return Representation(vectors[0], float(log_tokens[0, 0]))
