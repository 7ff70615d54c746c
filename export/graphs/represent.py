"""Representations of many queries by an ONNX encoder, one at a time as in serving."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_router.routing.artifact.encoder import OnnxEncoder, open_session
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import RouterTokenizer

from ..data.npz_cache import kept, write_arrays

__all__ = ["Representations", "represent"]


Floats = npt.NDArray[np.float64]


def represent(
    encoder: Path, tokenizer: RouterTokenizer, texts: Sequence[str], work: Path
) -> tuple[Floats, Floats]:
    """Vectors (queries, dim) and log_tokens (queries,).

    Kept in `work` under a name made of graph and texts, so that a second run need not repeat it.
    """
    digest = hashlib.sha256(encoder.read_bytes())
    digest.update("\0".join(texts).encode())
    path = work / f"vectors-{digest.hexdigest()[:16]}.npz"
    found = kept(path, lambda: _run(encoder, tokenizer, texts))
    return found["vectors"], found["log_tokens"]


def _run(encoder: Path, tokenizer: RouterTokenizer, texts: Sequence[str]) -> dict[str, Floats]:
    outputs = partial(_outputs, open_session(encoder), tokenizer)
    told = f"represent {encoder.name}"
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # onnxruntime lets Python's lock go
        found = list(tqdm(pool.map(outputs, texts), told, len(texts), unit="query"))
    return {
        "vectors": np.array([vector for vector, _ in found], dtype=np.float64),
        "log_tokens": np.array([length for _, length in found], dtype=np.float64),
    }


def _outputs(
    session: Any, tokenizer: RouterTokenizer, text: str
) -> tuple[npt.NDArray[np.float32], float]:
    ids, mask = tokenizer.batch([text])
    feed = {"input_ids": ids, "attention_mask": mask}
    vectors, log_tokens = session.run(["representation", "log_tokens"], feed)
    return vectors[0], float(log_tokens[0, 0])


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
