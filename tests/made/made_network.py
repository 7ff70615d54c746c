"""A small router network with random weights."""

from __future__ import annotations

import torch
from transformers import BertConfig, BertModel

from edge_router.export.training.model import RouterNetwork

__all__ = ["WORDS", "small_network"]

WORDS = 60


def small_network(*, layers: int, sizes: int = 0, weighs_tokens: bool = False) -> RouterNetwork:
    """Over WORDS tokens, without dropout; equal arguments give equal weights."""
    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(
            vocab_size=WORDS, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64, hidden_dropout_prob=0.0,
        ),
        add_pooling_layer=False,
    )  # fmt: skip
    made = RouterNetwork(
        bert,
        difficulties=4, kinds=3, experts=2, dropout=0.0, sizes=sizes, weighs_tokens=weighs_tokens,
    )  # fmt: skip
    return made.eval()
