"""Routers that fine-tune the whole encoder: of the best expert, or of all that are right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from edge_router.routing.arrays import Float64s

from ...data.packaged import base_folder
from ...training.loop import bucketed_batches
from ...training.model import mean_of_tokens
from ..base import DEFAULT, Pool, Queries, ResearchRouter, log_softmax
from ..labels import balanced_weights, best_experts, selection_labels, soft_labels
from .bag_of_words import TEMPERATURE, weighted_cross_entropy
from .encoder import load_encoder, tokens_of

__all__ = ["SFT", "BertRouter", "FineTunedMLC"]

MAX_TOKENS = 96
BATCH = 8
RATE = 5e-5
WEIGHT_DECAY = 1e-4


class _Classifier(nn.Module):
    """Logits (batch, experts) from the mean of the last layer over the tokens."""

    def __init__(self, base: Path, experts: int) -> None:
        super().__init__()
        encoder = load_encoder(base)
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(encoder.config.hidden_size, experts)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        logits: Tensor = self.head(self.dropout(mean_of_tokens(states.float(), mask)))
        return logits


@dataclass(frozen=True, slots=True)
class _Lesson:
    texts: tuple[str, ...]
    targets: Tensor  # (queries, experts), rows of sum 1
    weights: Tensor  # (queries,)


class _FineTuned(ResearchRouter):
    """Fine-tunes all-MiniLM-L6-v2 on all training rows, or `max_rows` drawn at random by the seed.

    AdamW in batches of 8, with decay 1e-4 and a rate that falls from `rate` to 0 over `epochs`.
    `base` is the folder of another encoder and its tokenizer.
    """

    classifies = True
    _network: _Classifier

    def __init__(
        self,
        base: Path | None = None,
        *,
        epochs: int = DEFAULT.epochs,
        max_rows: int | None = None,
        rate: float = RATE,
    ) -> None:
        self._base = base_folder() if base is None else base
        self._epochs, self._max_rows, self._rate = epochs, max_rows, rate
        self._tokens = tokens_of(self._base, MAX_TOKENS)

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)
        rows = random.permutation(len(train))[: self._max_rows]
        targets, weights = (torch.from_numpy(part).float() for part in self._teach(train.scores))
        texts = tuple(train.queries.texts[row] for row in rows)
        lesson = _Lesson(texts, targets[rows], weights[rows])
        self._network = _Classifier(self._base, len(train.experts))
        self._descend(lesson, seed)

    def _teach(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        """Targets (queries, experts) and sample weights (queries,), of mean 1."""
        raise NotImplementedError

    def _descend(self, lesson: _Lesson, seed: int) -> None:
        lengths = np.array([len(text) for text in lesson.texts])
        batches = list(bucketed_batches(lengths, size=BATCH, epochs=self._epochs, seed=seed))
        optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=self._rate, weight_decay=WEIGHT_DECAY, fused=True
        )
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=len(batches))
        self._network.train()
        for rows in tqdm(batches, desc="fine-tune"):
            logits = self._network(*self._tokens([lesson.texts[row] for row in rows]))
            loss = self._loss(logits, lesson.targets[rows], lesson.weights[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        self._network.eval()

    def _loss(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        return weighted_cross_entropy(logits, targets, weights)

    def utilities(self, queries: Queries) -> Float64s:
        return log_softmax(self._logits(queries))

    def _logits(self, queries: Queries) -> Float64s:
        order = np.argsort([len(text) for text in queries.texts], kind="stable")
        logits = np.zeros((len(queries), self._network.head.out_features))
        starts = range(0, len(order), 4 * BATCH)
        for at in tqdm(starts, desc="classify", disable=len(starts) == 1):
            rows = order[at : at + 4 * BATCH]
            with torch.no_grad():
                outputs = self._network(*self._tokens([queries.texts[row] for row in rows]))
            logits[rows] = outputs.double().numpy()
        return logits


class BertRouter(_FineTuned):
    """Soft labels softmax(score / 10), samples weighted against class imbalance, 5 epochs.

    all-MiniLM-L6-v2 in place of bert-base-uncased unless its folder is `base`; the classifier lies
    on the mean over tokens.
    """

    name = "BERT"
    source = "TO-Router (Stripelis et al. 2024), section 4.4"

    def _teach(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        return soft_labels(scores, TEMPERATURE), balanced_weights(scores)


class SFT(_FineTuned):
    """Cross-entropy with the best expert's label; of equal ones the first, the cheapest.

    all-MiniLM-L6-v2 in place of a language model.
    """

    name = "SFT"
    source = "MoMA (2025), appendix A.3"

    def _teach(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        labels = best_experts(scores)
        return np.eye(scores.shape[1])[labels], np.ones(len(scores))


class FineTunedMLC(_FineTuned):
    """RouterEval's MLC whole: the encoder and its head learn which experts are right, each by
    binary cross-entropy. Utilities are log P(expert is among the best)."""

    name = "MLC"
    source = "RouterEval (Huang et al. 2025), its code; the encoder fine-tuned"

    def utilities(self, queries: Queries) -> Float64s:
        return -np.logaddexp(0, -self._logits(queries))

    def _teach(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        return selection_labels(scores), np.ones(len(scores))

    def _loss(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG002 - all 1
        return functional.binary_cross_entropy_with_logits(logits, targets)
