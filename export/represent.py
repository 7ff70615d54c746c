"""Representations of many queries by an ONNX encoder, one at a time as in serving."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_router.encoder import open_session
from edge_router.text import RouterTokenizer

from .kept import kept

__all__ = ["represent"]

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
