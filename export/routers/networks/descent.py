"""Mini-batch descent of a small network on the frozen embeddings."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from edge_router.routing.arrays import Float64s

from ...training.loop import one_thread
from ..base import Queries
from ..validation import Indices, split_off

__all__ = ["ON_EMBEDDINGS", "Descent", "inputs", "predict"]

Loss = Callable[[Indices], Tensor]

PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Descent:
    """AdamW in batches of `batch`, over at most `epochs` shuffles of the training rows.

    A loss is the mean over the row numbers that it is given, of 0 .. `rows` - 1. Networks are
    trained in place.
    """

    rate: float
    weight_decay: float
    batch: int
    epochs: int

    def run(self, network: nn.Module, loss: Loss, rows: int, *, seed: int) -> None:
        """All rows, all epochs."""
        with one_thread():
            for _ in self._train(network, loss, np.arange(rows), seed):
                pass
        network.eval()

    def run_to_best(self, network: nn.Module, loss: Loss, rows: int, *, seed: int) -> None:
        """Hold out a tenth, and end as after the epoch that did best on it.

        Outcomes are noisy: the last epoch has learned the noise.
        """
        known, held = split_off(rows, seed=seed)
        least, best, last = math.inf, network.state_dict(), 0
        with one_thread():
            for epoch in self._train(network, loss, known, seed):
                if (error := _mean_loss(network, loss, held)) < least:
                    least, best, last = error, copy.deepcopy(network.state_dict()), epoch
                elif epoch - last == PATIENCE:
                    break
        network.load_state_dict(best)
        network.eval()

    def _train(self, network: nn.Module, loss: Loss, rows: Indices, seed: int) -> Iterator[int]:
        """Gives the number of each epoch when it is over."""
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=self.rate, weight_decay=self.weight_decay, fused=True
        )
        random = np.random.default_rng(seed)
        for epoch in range(self.epochs):
            network.train()
            order = random.permutation(rows)
            for at in range(0, len(order), self.batch):
                optimizer.zero_grad()
                loss(order[at : at + self.batch]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            yield epoch


ON_EMBEDDINGS = Descent(rate=3e-4, weight_decay=1e-2, batch=64, epochs=60)


def _mean_loss(network: nn.Module, loss: Loss, rows: Indices) -> float:
    network.eval()
    with torch.no_grad():
        return float(loss(rows))


def inputs(queries: Queries) -> Tensor:
    """Embeddings (queries, width), scaled so that each number is about one in size."""
    width = queries.embeddings.shape[1]
    return torch.from_numpy(queries.embeddings * math.sqrt(width)).float()


def predict(network: nn.Module, queries: Queries) -> Float64s:
    """The network's outputs for the embeddings: (queries, experts)."""
    with torch.no_grad():
        outputs: Float64s = network(inputs(queries)).double().numpy()
    return outputs
