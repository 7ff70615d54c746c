"""A whole encoder from a folder, BERT or RoBERTa: its network, its tokens, its embeddings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, BertModel

from edge_router.routing.arrays import Float64s

from ...data.rows import BadData
from ...training.embedding import Tokens, mean_embeddings, word_tokens

__all__ = ["embedded", "load_encoder", "tokens_of"]


def load_encoder(folder: Path) -> Any:
    """The encoder, a torch module without a head. Raises BadData for a folder that holds none."""
    if not _is_bert(folder):
        return AutoModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager")
    return BertModel.from_pretrained(
        folder,
        add_pooling_layer=False,
        local_files_only=True,
        attention_probs_dropout_prob=0.0,  # see RouterNetwork.from_pretrained
        attn_implementation="eager",
    )


def tokens_of(folder: Path, max_tokens: int) -> Tokens:
    """BERT's WordPiece keeps head and tail of a long text, as the router does; any other tokenizer
    its head. Raises BadData for a folder that holds no encoder."""
    if _is_bert(folder):
        return word_tokens(folder, max_tokens)
    load: Any = AutoTokenizer.from_pretrained
    pieces = load(folder, local_files_only=True)

    def by_pieces(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        batch = pieces(
            list(texts), truncation=True, max_length=max_tokens, padding=True, return_tensors="pt"
        )
        return batch["input_ids"], batch["attention_mask"]

    return by_pieces


def embedded(folder: Path, texts: Sequence[str], *, max_tokens: int) -> Float64s:
    """(texts, width) mean of the last layer over the tokens, each row of length 1."""
    encoder = load_encoder(folder).eval()
    return mean_embeddings(encoder, tokens_of(folder, max_tokens), texts).astype(np.float64)


def _is_bert(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadData(f"{folder} holds no encoder: no config.json can be read there") from None
    return isinstance(config, dict) and config.get("model_type") == "bert"
