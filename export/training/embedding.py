"""Frozen sentence embeddings of the base model, the input of the research routers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.text import RouterTokenizer

from ..data.npz_cache import kept

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SentenceEmbedder", "Tokens", "embed_cached", "mean_embeddings", "word_tokens"]

MAX_TOKENS = 128
BATCH = 32


Tokens = Callable[[Sequence[str]], tuple["Tensor", "Tensor"]]
"""Texts to `input_ids` and `attention_mask`, each (batch, tokens)."""


class SentenceEmbedder:
    """all-MiniLM-L6-v2 as published: mean of the last layer over the tokens, length 1.

    Of a text of more than `max_tokens` the first and the last ones are read.
    """

    def __init__(self, base: Path, *, max_tokens: int = MAX_TOKENS) -> None:
        from transformers import BertModel

        self._tokens = word_tokens(base, max_tokens)
        self._bert = BertModel.from_pretrained(
            base, add_pooling_layer=False, local_files_only=True
        ).eval()

    def embed(self, texts: Sequence[str]) -> Float32s:
        """(texts, 384), each row of length 1; other texts change a row by rounding only."""
        return mean_embeddings(self._bert, self._tokens, texts)


def word_tokens(folder: Path, max_tokens: int) -> Tokens:
    """Of the WordPiece in a folder; head and tail of a long text are kept, as the router does."""
    words = RouterTokenizer(folder / "tokenizer.json", max_tokens=max_tokens)

    def tokens(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        import torch

        ids, mask = words.batch(texts)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    return tokens


def mean_embeddings(encoder: Any, tokens: Tokens, texts: Sequence[str]) -> Float32s:
    """(texts, width) mean of an encoder's last layer over the tokens, each row of length 1.

    Texts of like length are read together.
    """
    import torch
    from torch.nn import functional

    from .model import mean_of_tokens

    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    pooled = np.zeros((len(texts), encoder.config.hidden_size), dtype=np.float32)
    for at in tqdm(range(0, len(texts), BATCH), desc="embed", disable=len(texts) <= BATCH):
        rows = order[at : at + BATCH]
        ids, mask = tokens([texts[row] for row in rows])
        with torch.no_grad():
            states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled[rows] = functional.normalize(mean_of_tokens(states, mask), dim=1).numpy()
    return pooled


def embed_cached(texts: Sequence[str], base: Path, work: Path) -> Float32s:
    """Embeddings of `texts`, kept in `work` under a name made from the texts."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    path = work / f"embeddings-{digest}.npz"
    return kept(path, lambda: {"embeddings": SentenceEmbedder(base).embed(texts)})["embeddings"]
