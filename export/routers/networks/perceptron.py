"""Routers with one hidden layer on the frozen embedding, trained on RouterEval's labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..labels import selection_labels
from ..validation import Indices
from .descent import ON_EMBEDDINGS, Descent, inputs, predict

__all__ = ["MLC", "MLPR"]

HIDDEN = 256


class _Selection(ResearchRouter):
    """Learns the selection labels (queries, experts) from the embeddings."""

    _network: nn.Module

    def __init__(self, descent: Descent = ON_EMBEDDINGS) -> None:
        self._descent = descent

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        vectors = inputs(train.queries)
        labels = torch.from_numpy(selection_labels(train.scores)).float()
        self._network = network = self._layers(vectors.shape[1], len(train.experts))

        def loss(rows: Indices) -> Tensor:
            return self._loss(network(vectors[rows]), labels[rows])

        self._descent.run_to_best(network, loss, len(train), seed=seed)

    def _layers(self, width: int, experts: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, experts))

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError


class MLPR(_Selection):
    """Regression of the selection vector: least squares, 256 hidden units as in the authors' run.

    Utilities are predicted labels.
    """

    name = "MLPR"
    source = "RouterEval (Huang et al. 2025), section 5.2"

    def utilities(self, queries: Queries) -> Float64s:
        return predict(self._network, queries)

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.mse_loss(outputs, labels)


class MLC(_Selection):
    """Multi-label classification: log P(expert is among the best), by binary cross-entropy.

    The head is RoBERTa's own (one tanh layer of the embedding's width); the encoder under it stays
    frozen, where the paper fine-tunes it.
    """

    name = "MLC"
    source = "RouterEval (Huang et al. 2025), section 5.2"

    def utilities(self, queries: Queries) -> Float64s:
        return -np.logaddexp(0, -predict(self._network, queries))

    def _layers(self, width: int, experts: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, experts))

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(outputs, labels)
