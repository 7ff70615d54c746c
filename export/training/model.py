"""The router network in torch: a BERT, and linear read-outs of its mean-pooled output."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertModel

from edge_router.routing.experts.expert import PROFILES

from .heads import LinearHead

__all__ = [
    "TOKEN_STEPS",
    "RouterNetwork",
    "digest",
    "mean_of_tokens",
    "outputs_of",
    "trained_heads",
    "trained_sizes",
]

TOKEN_STEPS = 16  # what a token weighs is a multiple of a 16th, at least one


class RouterNetwork(nn.Module):
    """Text -> representation (difficulty numbers, then a posterior over task kinds), log_tokens.

    The heads of the experts, of the `sizes` (profiles) that a student has, and of `needs_tools`
    stand outside `forward`, so the exported graph holds none. A network with an `embedding` of that
    many numbers, a sentence embedding of length 1, gives it too. One that `weighs_tokens` takes a
    weighted mean over the tokens, so that it can leave out what is not part of the message.
    """

    def __init__(
        self,
        bert: BertModel,
        *,
        difficulties: int,
        kinds: int,
        experts: int,
        dropout: float = 0.1,
        embedding: int = 0,
        sizes: int = 0,
        weighs_tokens: bool = False,
    ) -> None:
        super().__init__()
        width = bert.config.hidden_size
        self.bert = bert
        self.dropout = nn.Dropout(dropout)
        self.difficulty = nn.Linear(width, difficulties)
        self.kind = nn.Linear(width, kinds)
        self.length = nn.Linear(width, 1)
        self.heads = nn.Linear(difficulties + kinds, experts)
        self.head_lengths = nn.Parameter(torch.zeros(experts))
        self.tools = nn.Linear(difficulties + kinds, 1)
        self.embedding = nn.Linear(width, embedding) if embedding else None
        self.sizes = nn.Linear(difficulties + kinds, sizes) if sizes else None
        self.token_weight = _equal_weights(width) if weighs_tokens else None

    @classmethod
    def from_pretrained(
        cls, path: Path, *, difficulties: int, kinds: int, experts: int, dropout: float = 0.1
    ) -> RouterNetwork:
        """Start from a sentence encoder on disk; nothing is downloaded. `dropout` is used on every
        hidden state, not on attention weights: that, and torch's fused attention, are slow
        on a CPU."""
        bert = BertModel.from_pretrained(
            path,
            add_pooling_layer=False,
            local_files_only=True,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=0.0,
            attn_implementation="eager",
        )
        return cls(bert, difficulties=difficulties, kinds=kinds, experts=experts, dropout=dropout)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Mean of the last layer over the tokens that are not padding: (batch, width)."""
        return self.pooled_and_marked(input_ids, attention_mask)[0]

    def pooled_and_marked(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """The mean, and for each token how much it is part of the message: (batch, tokens), 0 or
        less for what is not, 1 or more for what is; 1 where tokens are not weighed."""
        states = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=torch.zeros_like(input_ids),
        ).last_hidden_state  # (batch, tokens, width)
        if self.token_weight is None:
            return mean_of_tokens(states, attention_mask), torch.ones_like(states[..., 0])
        marks = self.token_weight(states)[..., 0]
        return mean_of_tokens(states, attention_mask * _weight_of(marks.float())), marks

    def read(self, pooled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Representation (batch, difficulties + kinds), kind logits (batch, kinds), log_tokens."""
        logits = self.kind(pooled)
        vector = torch.cat([self.difficulty(pooled), logits.softmax(-1)], dim=-1)
        return vector, logits, self.length(pooled)

    def embed(self, pooled: Tensor) -> Tensor:
        """The sentence embedding (batch, embedding), each of length 1."""
        if self.embedding is None:
            raise ValueError("this network has no embedding; state its size when it is made")
        return nn.functional.normalize(self.embedding(pooled), dim=-1)

    def sizes_of(self, vector: Tensor) -> Tensor:
        """Log-odds of each profile (batch, sizes) from representations (batch, dim)."""
        if self.sizes is None:
            raise ValueError("this network has no heads of profiles; state how many when made")
        logits: Tensor = self.sizes(vector)
        return logits

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """What the artifact's graph computes: representation, log_tokens (batch, 1), and the
        embedding where there is one."""
        pooled = self.pooled(input_ids, attention_mask)
        vector, _, log_tokens = self.read(pooled)
        more = () if self.embedding is None else (self.embed(pooled),)
        return (vector, log_tokens, *more)


def outputs_of(network: RouterNetwork) -> dict[str, int]:
    """The names of what `forward` gives, in its order, and how many numbers each is per query."""
    sizes = {"representation": network.heads.in_features, "log_tokens": 1}
    return (
        sizes
        if network.embedding is None
        else sizes | {"embedding": network.embedding.out_features}
    )


def _equal_weights(width: int) -> nn.Linear:
    """Weighs all tokens alike, and can learn not to."""
    layer = nn.Linear(width, 1)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, 0.5)
    return layer


def _weight_of(marks: Tensor) -> Tensor:
    """1 to TOKEN_STEPS parts of TOKEN_STEPS, with straight-through gradients: the graph counts in
    whole numbers."""
    inside = marks.clamp(0, 1)
    steps = torch.round(inside.detach() * (TOKEN_STEPS - 1)) + 1
    return inside + (steps / TOKEN_STEPS - inside).detach()


def mean_of_tokens(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean of `states` (batch, tokens, width) over the tokens that are not padding, or weighted by
    a mask of numbers between 0 and 1."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    mean: Tensor = (states * mask).sum(1) / mask.sum(1)
    return mean


def trained_heads(network: RouterNetwork, experts: Sequence[str]) -> dict[str, LinearHead]:
    """The experts' heads as they were trained together with the encoder."""
    return _heads_of(network.heads, experts)


def trained_sizes(network: RouterNetwork) -> dict[str, LinearHead]:
    """The heads of the profiles as a student learned them; none of a network without them."""
    return {} if network.sizes is None else _heads_of(network.sizes, PROFILES)


def _heads_of(layer: nn.Linear, names: Sequence[str]) -> dict[str, LinearHead]:
    weights, biases = (part.detach().double().numpy() for part in (layer.weight, layer.bias))
    return {
        name: LinearHead(float(bias), row)
        for name, bias, row in zip(names, biases, weights, strict=True)
    }


def digest(network: nn.Module) -> str:
    """Names a network by its weights."""
    hashed = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        hashed.update(name.encode() + value.numpy().tobytes())
    return hashed.hexdigest()[:16]
