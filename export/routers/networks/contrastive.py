"""MoMA's contrastive router: similarity of query and expert, trained on preferred pairs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

from ..base import Pool, Queries, ResearchRouter
from ..pairs import judge
from ..validation import Indices
from .descent import ON_EMBEDDINGS, Descent, inputs, predict

__all__ = ["Compatibility", "Contrastive", "preference_loss", "win_probabilities"]

HIDDEN = 256
SPACE = 64


class Compatibility(nn.Module):
    """f(x, a): the dot product of the projected query and the expert's learned vector."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, SPACE))
        self.experts = nn.Parameter(torch.randn(experts, SPACE) * SPACE**-0.5)
        self.bias = nn.Parameter(torch.zeros(experts))

    def forward(self, vectors: Tensor) -> Tensor:
        scores: Tensor = self.project(vectors) @ self.experts.T + self.bias  # (batch, experts)
        return scores


def preference_loss(ahead: Tensor, lift: Tensor) -> Tensor:
    """-log sigma(f(x, a) - f(x, b)), mean over pairs in which a was better than b (A.4, eq. 32).

    `ahead` (batch, pairs) is f of the first expert minus f of the second, `lift` (batch, pairs)
    the same of their scores; ties say nothing.
    """
    preferred = lift.sign()
    each = functional.softplus(-ahead * preferred) * preferred.abs()
    return each.sum() / preferred.abs().sum().clamp(min=1)


def win_probabilities(scores: Float64s) -> Float64s:
    """Mean over the other experts b of sigma(f_a - f_b); `scores` and result (queries, experts)."""
    ahead = scores[:, :, None] - scores[:, None, :]
    wins = sigmoid(ahead)  # 1/2 against oneself
    mean: Float64s = (wins.sum(axis=2) - 0.5) / (scores.shape[1] - 1)
    return mean


class Contrastive(ResearchRouter):
    """The expert preferred most over all pairs; utilities are logs of win probabilities.

    The encoder stays frozen and the projection learns, where the paper trains a language model.
    """

    name = "Contrastive"
    source = "MoMA (2025), appendix A.4"

    _network: Compatibility

    def __init__(self, descent: Descent = ON_EMBEDDINGS) -> None:
        self._descent = descent

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        vectors, pairs = inputs(train.queries), judge(train.scores)
        lift = torch.from_numpy(pairs.lift).float()
        self._network = network = Compatibility(vectors.shape[1], len(train.experts))

        def loss(rows: Indices) -> Tensor:
            scores = network(vectors[rows])
            return preference_loss(scores[:, pairs.first] - scores[:, pairs.second], lift[rows])

        self._descent.run_to_best(network, loss, len(train), seed=seed)

    def utilities(self, queries: Queries) -> Float64s:
        return np.log(win_probabilities(predict(self._network, queries)))
