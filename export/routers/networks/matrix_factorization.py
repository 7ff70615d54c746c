"""RouteLLM's matrix factorisation: a bilinear score of expert and query from pairwise wins."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..pairs import judge
from ..validation import Indices
from .descent import ON_EMBEDDINGS, Descent, inputs, predict

__all__ = ["MF", "Factorization"]

SPACE = 128


class Factorization(nn.Module):
    """delta(m, q) = w2^T (v_m * (W1 q + b)): (batch, experts)."""

    def __init__(self, width: int, experts: int, *, space: int = SPACE) -> None:
        super().__init__()
        self.experts = nn.Parameter(torch.randn(experts, space))  # v
        self.query = nn.Linear(width, space)  # W1, b
        self.out = nn.Linear(space, 1, bias=False)  # w2

    def forward(self, vectors: Tensor) -> Tensor:
        joined = self.experts * self.query(vectors).unsqueeze(1)  # (batch, experts, space)
        delta: Tensor = self.out(joined).squeeze(-1)
        return delta


class MF(ResearchRouter):
    """P(first wins) = sigma(delta(first, q) - delta(second, q)), on local embeddings.

    A tie is half a win for both: then utilities are in the order of the expected gain, and the many
    queries on which two experts do alike teach too.
    """

    name = "MF"
    source = "RouteLLM (Ong et al. 2024), routing approaches"

    _network: Factorization

    def __init__(self, descent: Descent = ON_EMBEDDINGS) -> None:
        self._descent = descent

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        vectors, pairs = inputs(train.queries), judge(train.scores)
        wins = (1 + torch.from_numpy(pairs.lift).float().sign()) / 2  # (queries, pairs)
        self._network = network = Factorization(vectors.shape[1], len(train.experts))

        def loss(rows: Indices) -> Tensor:
            delta = network(vectors[rows])
            ahead = delta[:, pairs.first] - delta[:, pairs.second]
            return functional.binary_cross_entropy_with_logits(ahead, wins[rows])

        self._descent.run_to_best(network, loss, len(train), seed=seed)

    def utilities(self, queries: Queries) -> Float64s:
        return predict(self._network, queries)
