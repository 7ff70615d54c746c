"""TO-Router's MLP: a bag of words, one hidden layer, soft labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter, log_softmax
from ..labels import Indices, balanced_weights, soft_labels
from .descent import Descent

__all__ = ["BagOfWordsMLP", "Vocabulary", "weighted_cross_entropy"]

WORD = re.compile(r"\w\w+")
WORDS = 5000
HIDDEN = 256
TEMPERATURE = 10.0
DESCENT = Descent(rate=5e-3, weight_decay=1e-4, batch=64, epochs=5)


class Vocabulary:
    """The most frequent words of some texts, numbered from 0; others are left out."""

    def __init__(self, texts: Sequence[str], most: int = WORDS) -> None:
        counts = Counter(word for text in texts for word in WORD.findall(text.lower()))
        self._number = {word: number for number, (word, _) in enumerate(counts.most_common(most))}

    def __len__(self) -> int:
        return len(self._number)

    def numbers(self, text: str) -> list[int]:
        """The text's words by number, as often as they occur."""
        words = WORD.findall(text.lower())
        return [self._number[word] for word in words if word in self._number]


class _Perceptron(nn.Module):
    def __init__(self, words: int, experts: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(words, HIDDEN, mode="sum")  # W1 @ counts
        nn.init.uniform_(self.bag.weight, -(words**-0.5), words**-0.5)  # as a linear layer starts
        self.bias = nn.Parameter(torch.zeros(HIDDEN))
        self.out = nn.Linear(HIDDEN, experts)

    def forward(self, rows: Sequence[list[int]]) -> Tensor:
        starts = np.cumsum([0, *map(len, rows[:-1])])
        flat = torch.tensor([number for row in rows for number in row], dtype=torch.int64)
        hidden = functional.relu(self.bag(flat, torch.from_numpy(starts)) + self.bias)
        logits: Tensor = self.out(hidden)  # (batch, experts)
        return logits


class BagOfWordsMLP(ResearchRouter):
    """Two layers, 256 hidden, on counts of the 5,000 most frequent training words.

    Cross-entropy with soft labels at T = 10, samples weighted against class imbalance, AdamW with
    rate 5e-3 and decay 1e-4, 5 epochs: as in the paper's appendices C and D. Two things differ:
    batches are of 64 (in the paper's 8 the hidden units die on labels this flat, and every query
    gets the same answer), and the vocabulary has a bound, of which the paper says nothing.
    """

    classifies = True
    name = "MLP"
    source = "TO-Router (Stripelis et al. 2024), section 4.4"

    _vocabulary: Vocabulary
    _network: _Perceptron

    def __init__(self, descent: Descent = DESCENT) -> None:
        self._descent = descent

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        self._vocabulary = Vocabulary(train.queries.texts)
        self._network = network = _Perceptron(len(self._vocabulary), len(train.experts))
        bags = self._bags(train.queries)
        targets = torch.from_numpy(soft_labels(train.scores, TEMPERATURE)).float()
        weights = torch.from_numpy(balanced_weights(train.scores)).float()

        def loss(rows: Indices) -> Tensor:
            logits = network([bags[row] for row in rows])
            return weighted_cross_entropy(logits, targets[rows], weights[rows])

        self._descent.run(network, loss, len(train), seed=seed)

    def utilities(self, queries: Queries) -> Float64s:
        with torch.no_grad():
            return log_softmax(self._network(self._bags(queries)).double().numpy())

    def _bags(self, queries: Queries) -> list[list[int]]:
        return [self._vocabulary.numbers(text) for text in queries.texts]


def weighted_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean over the batch of the cross-entropy with soft targets, times the sample weights.

    `logits` and `targets` (batch, experts), `weights` (batch,) of mean 1 over the training rows.
    """
    each = functional.cross_entropy(logits, targets, reduction="none")
    return (each * weights).mean()
