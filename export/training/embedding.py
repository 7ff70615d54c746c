"""Frozen sentence embeddings of the base model, the input of the research routers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.text import RouterTokenizer

from ..data.npz_cache import kept

__all__ = ["SentenceEmbedder", "embed_cached"]


MAX_TOKENS = 128
BATCH = 32


class SentenceEmbedder:
    """all-MiniLM-L6-v2 as published: mean of the last layer over the tokens, length 1.

    Of a text of more than `max_tokens` the first and the last ones are read.
    """

    def __init__(self, base: Path, *, max_tokens: int = MAX_TOKENS) -> None:
        from transformers import BertModel

        self._tokenizer = RouterTokenizer(base / "tokenizer.json", max_tokens=max_tokens)
        self._bert = BertModel.from_pretrained(
            base, add_pooling_layer=False, local_files_only=True
        ).eval()

    def embed(self, texts: Sequence[str]) -> Float32s:
        """(texts, 384), each row of length 1; other texts change a row by rounding only."""
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        pooled = np.zeros((len(texts), self._bert.config.hidden_size), dtype=np.float32)
        for at in tqdm(range(0, len(texts), BATCH), desc="embed", disable=len(texts) <= BATCH):
            rows = order[at : at + BATCH]
            pooled[rows] = self._batch([texts[row] for row in rows])
        return pooled

    def _batch(self, texts: Sequence[str]) -> Float32s:
        import torch
        from torch.nn import functional

        from .model import mean_of_tokens

        ids, mask = (torch.from_numpy(part) for part in self._tokenizer.batch(texts))
        with torch.no_grad():
            states = self._bert(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors: Float32s = functional.normalize(mean_of_tokens(states, mask), dim=1).numpy()
        return vectors


def embed_cached(texts: Sequence[str], base: Path, work: Path) -> Float32s:
    """Embeddings of `texts`, kept in `work` under a name made from the texts."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    path = work / f"embeddings-{digest}.npz"
    return kept(path, lambda: {"embeddings": SentenceEmbedder(base).embed(texts)})["embeddings"]
