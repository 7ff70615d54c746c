"""Routers that fine-tune the whole encoder as a classifier of the best expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import BertModel

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.text import RouterTokenizer

from ...recipe import base_folder
from ...training.loop import bucketed_batches
from ...training.model import mean_of_tokens
from ..base import Pool, Queries, ResearchRouter, log_softmax
from ..labels import best_experts, sample_weights, soft_labels
from .bag_of_words import TEMPERATURE, weighted_cross_entropy

__all__ = ["SFT", "BertRouter"]

MAX_TOKENS = 96
BATCH = 8
RATE = 5e-5
WEIGHT_DECAY = 1e-4


class _Classifier(nn.Module):
    """Logits (batch, experts) from the mean of the last layer over the tokens."""

    def __init__(self, base: Path, experts: int) -> None:
        super().__init__()
        self.bert = BertModel.from_pretrained(
            base,
            add_pooling_layer=False,
            local_files_only=True,
            attention_probs_dropout_prob=0.0,  # see RouterNetwork.from_pretrained
            attn_implementation="eager",
        )
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(self.bert.config.hidden_size, experts)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        logits: Tensor = self.head(self.dropout(mean_of_tokens(states.float(), mask)))
        return logits


@dataclass(frozen=True, slots=True)
class _Lesson:
    texts: tuple[str, ...]
    targets: Tensor  # (queries, experts), rows of sum 1
    weights: Tensor  # (queries,)


class _FineTuned(ResearchRouter):
    """Fine-tunes all-MiniLM-L6-v2 on at most `max_rows` training rows, drawn at random by the seed.

    AdamW in batches of 8, with decay 1e-4 and a rate that falls from `rate` to 0 over `epochs`.
    `base` is the folder of another encoder and its tokenizer.json.
    """

    _network: _Classifier

    def __init__(
        self,
        base: Path | None = None,
        *,
        epochs: int = 2,
        max_rows: int = 4000,
        rate: float = RATE,
    ) -> None:
        self._base = base_folder() if base is None else base
        self._epochs, self._max_rows, self._rate = epochs, max_rows, rate
        self._tokenizer = RouterTokenizer(self._base / "tokenizer.json", max_tokens=MAX_TOKENS)

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
        """Target distributions (queries, experts) and sample weights (queries,)."""
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
            loss = weighted_cross_entropy(logits, lesson.targets[rows], lesson.weights[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        self._network.eval()

    def _tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids, mask = self._tokenizer.batch(texts)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def utilities(self, queries: Queries) -> Float64s:
        order = np.argsort([len(text) for text in queries.texts], kind="stable")
        logits = np.zeros((len(queries), self._network.head.out_features))
        starts = range(0, len(order), 4 * BATCH)
        for at in tqdm(starts, desc="classify", disable=len(starts) == 1):
            rows = order[at : at + 4 * BATCH]
            with torch.no_grad():
                outputs = self._network(*self._tokens([queries.texts[row] for row in rows]))
            logits[rows] = outputs.double().numpy()
        return log_softmax(logits)


class BertRouter(_FineTuned):
    """Soft labels softmax(score / 10), samples weighted against class imbalance.

    all-MiniLM-L6-v2 in place of bert-base-uncased, its mean over tokens under the classifier.
    """

    name = "BERT"
    source = "TO-Router (Stripelis et al. 2024), section 4.4"

    def _teach(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        weights = sample_weights(best_experts(scores), scores.shape[1])
        return soft_labels(scores, TEMPERATURE), weights


class SFT(_FineTuned):
    """Cross-entropy with the best expert's label; of equal ones the first, the cheapest.

    all-MiniLM-L6-v2 in place of a language model.
    """

    name = "SFT"
    source = "MoMA (2025), appendix A.3"

    def _teach(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        labels = best_experts(scores)
        return np.eye(scores.shape[1])[labels], np.ones(len(scores))
