"""Teachers: fine-tune the encoder jointly on every outcome table, one linear head per expert."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from edge_router.routing.artifact.text import RouterTokenizer

from ..data.outcome_set import OutcomeSet
from ..recipe import TeacherPlan
from .loop import Batch, bucketed_batches, fit, optimizer_of, padded
from .model import RouterNetwork

__all__ = [
    "LENGTH_WEIGHT",
    "Labels",
    "fingerprint",
    "label_loss",
    "labels_of",
    "task_kinds",
    "train",
]

LENGTH_WEIGHT = 0.05


def train(outcomes: OutcomeSet, plan: TeacherPlan, base: Path, work: Path) -> list[RouterNetwork]:
    """The networks of a teacher, trained on the `train` split; what lies in `work` is not redone.

    Loss per query: logistic loss averaged over the experts seen there, plus `kind_weight` times
    the cross-entropy of its task kind, plus a little for the length of the answers.
    """
    return [_member(outcomes, plan, seed, base, work) for seed in plan.seeds]


def _member(
    outcomes: OutcomeSet, plan: TeacherPlan, seed: int, base: Path, work: Path
) -> RouterNetwork:
    run = fingerprint(outcomes, plan, seed)
    finished = work / f"teacher-{run}.pt"
    torch.manual_seed(seed)
    network = RouterNetwork.from_pretrained(
        base,
        difficulties=plan.difficulties,
        kinds=len(task_kinds(outcomes)),
        experts=len(outcomes.experts),
        dropout=plan.dropout,
    )
    if finished.exists():
        network.load_state_dict(torch.load(finished, weights_only=True))
        return network.eval()
    tokenizer = base / "tokenizer.json"
    data = labels_of(outcomes.split("train"), task_kinds(outcomes), tokenizer, plan.max_tokens)
    batches = list(
        bucketed_batches(data.lengths, size=plan.batch_size, epochs=plan.epochs, seed=seed)
    )
    optimizer = optimizer_of(
        network, network.bert, encoder_rate=plan.encoder_rate, head_rate=plan.head_rate
    )
    fit(
        network,
        batches,
        lambda rows: _loss(network, data, rows, plan),
        optimizer,
        checkpoint=work / f"teacher-{run}.checkpoint",
        seed=seed,
        label=f"teacher {seed}",
    )
    torch.save(network.state_dict(), finished)
    return network


def fingerprint(outcomes: OutcomeSet, *plan: object) -> str:
    """Names a run by its plan and its data, so that no other run's files are taken for its own."""
    identity = [repr(plan), *outcomes.experts, *outcomes.qkeys, *outcomes.splits.tolist()]
    digest = hashlib.sha256("\0".join(identity).encode())
    digest.update(np.nan_to_num(outcomes.scores, nan=-1.0).tobytes())
    return digest.hexdigest()[:16]


def task_kinds(outcomes: OutcomeSet) -> list[str]:
    """The task kinds in the order of the representation's posterior."""
    return sorted(set(outcomes.kinds.tolist()))


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of each query: token ids, task kind, scores and answer lengths."""

    ids: Sequence[Sequence[int]]
    kinds: Tensor  # (queries,)
    scores: Tensor  # (queries, experts), NaN where not known
    log_tokens: Tensor  # (queries, experts), NaN where not known

    @property
    def lengths(self) -> Batch:
        return np.array([len(row) for row in self.ids])

    def inputs(self, rows: Batch) -> tuple[Tensor, Tensor]:
        return padded([self.ids[row] for row in rows])


def labels_of(rows: OutcomeSet, kinds: Sequence[str], tokenizer: Path, max_tokens: int) -> Labels:
    """An outcome set as tensors; `kinds` gives the numbers of the task kinds."""
    encode = RouterTokenizer(tokenizer, max_tokens=max_tokens).input_ids
    number = {kind: index for index, kind in enumerate(kinds)}
    return Labels(
        [encode(text) for text in tqdm(rows.texts, desc="tokenize")],
        torch.tensor([number[kind] for kind in rows.kinds.tolist()]),
        torch.from_numpy(rows.scores),
        torch.from_numpy(rows.log_tokens),
    )


def _loss(network: RouterNetwork, data: Labels, rows: Batch, plan: TeacherPlan) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = network.pooled(*data.inputs(rows))
    return label_loss(network, network.dropout(pooled.float()), data, rows, plan.kind_weight)


def label_loss(
    network: RouterNetwork, pooled: Tensor, data: Labels, rows: Batch, kind_weight: float
) -> Tensor:
    """The loss of what is read off `pooled` (batch, width) against the outcomes of `rows`."""
    vector, kind_logits, log_tokens = network.read(pooled)
    score_loss = _masked(
        functional.binary_cross_entropy_with_logits, network.heads(vector), data.scores[rows]
    )
    length_loss = _masked(
        functional.smooth_l1_loss, log_tokens + network.head_lengths, data.log_tokens[rows]
    )
    kind_loss = functional.cross_entropy(kind_logits, data.kinds[rows])
    return score_loss + kind_weight * kind_loss + LENGTH_WEIGHT * length_loss


def _masked(loss: Callable[..., Tensor], predicted: Tensor, target: Tensor) -> Tensor:
    """The loss over known targets, averaged within each row first, then over the rows."""
    known = ~target.isnan()
    each = loss(predicted, target.nan_to_num(), reduction="none") * known
    mean: Tensor = (each.sum(1) / known.sum(1).clamp(min=1)).mean()
    return mean
