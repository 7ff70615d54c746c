"""RouterEval's routers on the frozen embedding: linear, two hidden layers, and RoBERTa's head."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..labels import selection_labels
from ..validation import Indices
from .descent import ON_EMBEDDINGS, Descent, inputs, predict

__all__ = ["MLC", "MLPR", "LinearR"]

HIDDEN = 256
ON_ONE_LAYER = Descent(rate=3e-3, weight_decay=1e-2, batch=64, epochs=60)


class _Selection(ResearchRouter):
    """Learns the selection vector (queries, experts) by binary cross-entropy on logits.

    Utilities are the logits, whose softmax is the distribution. The embedding is
    all-MiniLM-L6-v2's, where the paper has RoBERTa's.
    """

    classifies = True
    _network: nn.Module

    def __init__(self, descent: Descent = ON_EMBEDDINGS) -> None:
        self._descent = descent

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        vectors = inputs(train.queries)
        labels = torch.from_numpy(selection_labels(train.scores)).float()
        self._network = network = self._layers(vectors.shape[1], len(train.experts))

        def loss(rows: Indices) -> torch.Tensor:
            return functional.binary_cross_entropy_with_logits(network(vectors[rows]), labels[rows])

        self._descent.run_to_best(network, loss, len(train), seed=seed)

    def utilities(self, queries: Queries) -> Float64s:
        return predict(self._network, queries)

    def _layers(self, width: int, experts: int) -> nn.Module:
        raise NotImplementedError


class LinearR(_Selection):
    """One linear layer, as in the authors' code."""

    name = "LinearR"
    source = "RouterEval (Huang et al. 2025), its code"

    def __init__(self, descent: Descent = ON_ONE_LAYER) -> None:
        super().__init__(descent)

    def _layers(self, width: int, experts: int) -> nn.Module:
        return nn.Linear(width, experts)


class MLPR(_Selection):
    """Two hidden layers of 256, as in the authors' code."""

    name = "MLPR"
    source = "RouterEval (Huang et al. 2025), its code"

    def _layers(self, width: int, experts: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(width, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, experts),
        )


class MLC(_Selection):
    """Multi-label classification: log P(expert is among the best).

    The head is RoBERTa's own (one tanh layer of the embedding's width) on the frozen embedding;
    `fine_tuned.FineTunedMLC` trains the encoder too, as the paper does.
    """

    name = "MLC"
    source = "RouterEval (Huang et al. 2025), its code; the encoder frozen"

    def utilities(self, queries: Queries) -> Float64s:
        return -np.logaddexp(0, -predict(self._network, queries))

    def _layers(self, width: int, experts: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, experts))
