"""The router network in torch: a BERT, and what is read off its mean-pooled output."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertModel

__all__ = ["RouterNetwork"]


class RouterNetwork(nn.Module):
    """Text -> representation (difficulty numbers, then a posterior over task kinds), log_tokens.

    The heads of the experts stand outside `forward`, so the exported graph holds none.
    """

    def __init__(self, bert: BertModel, *, difficulties: int, kinds: int, experts: int) -> None:
        super().__init__()
        width = bert.config.hidden_size
        self.bert = bert
        self.dropout = nn.Dropout(0.1)
        self.difficulty = nn.Linear(width, difficulties)
        self.kind = nn.Linear(width, kinds)
        self.length = nn.Linear(width, 1)
        self.heads = nn.Linear(difficulties + kinds, experts)
        self.head_lengths = nn.Parameter(torch.zeros(experts))

    @classmethod
    def from_pretrained(cls, path: Path, **sizes: int) -> RouterNetwork:
        """Start from a sentence encoder on disk; nothing is downloaded."""
        bert = BertModel.from_pretrained(path, add_pooling_layer=False, local_files_only=True)
        return cls(bert, **sizes)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Mean of the last layer over the tokens that are not padding: (batch, width)."""
        states = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=torch.zeros_like(input_ids),
        ).last_hidden_state  # (batch, tokens, width)
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)

    def read(self, pooled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Representation (batch, difficulties + kinds), kind logits (batch, kinds), log_tokens."""
        logits = self.kind(pooled)
        vector = torch.cat([self.difficulty(pooled), logits.softmax(-1)], dim=-1)
        return vector, logits, self.length(pooled)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """What the artifact's graph computes: representation and log_tokens (batch, 1)."""
        vector, _, log_tokens = self.read(self.pooled(input_ids, attention_mask))
        return vector, log_tokens
