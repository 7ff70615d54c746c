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

from ..data.kinds import UNKNOWN
from ..data.outcome_set import OutcomeSet
from ..recipe import Recipe, StudentPlan, TeacherPlan
from .draws import Draws
from .loop import Batch, fit, optimizer_of, padded
from .model import RouterNetwork

__all__ = [
    "LENGTH_WEIGHT",
    "TOOLS_WEIGHT",
    "Labels",
    "fingerprint",
    "label_loss",
    "labels_of",
    "masked",
    "task_kinds",
    "train",
]

LENGTH_WEIGHT, TOOLS_WEIGHT = 0.1, 0.2
LEAST_SOFT = 0.01  # a score's distance from 0 and 1 at least: log-odds of less are no news
NO_KIND = -100  # torch's number for a target that does not count


def train(outcomes: OutcomeSet, recipe: Recipe, work: Path) -> list[RouterNetwork]:
    """The networks of a teacher, trained on the `train` split; what lies in `work` is not redone.

    Loss per query: logistic loss averaged over the experts seen there, plus `kind_weight` times
    the cross-entropy of its task kind, plus a little for the length of the answers and for whether
    it needs tools.
    """
    return [_member(outcomes, recipe, name, work) for name in recipe.teachers]


def _member(outcomes: OutcomeSet, recipe: Recipe, name: str, work: Path) -> RouterNetwork:
    plan = recipe.teachers[name]
    run = fingerprint(outcomes, plan)
    finished = work / f"teacher-{run}.pt"
    torch.manual_seed(plan.seed)
    network = RouterNetwork.from_pretrained(
        recipe.base,
        difficulties=plan.difficulties,
        kinds=len(task_kinds(outcomes)),
        experts=len(outcomes.experts),
        dropout=plan.dropout,
    )
    if finished.exists():
        network.load_state_dict(torch.load(finished, weights_only=True))
        return network.eval()
    data = labels_of(
        outcomes.split("train"),
        task_kinds(outcomes),
        recipe,
        plan,
        tokenizer=recipe.base / "tokenizer.json",
    )
    optimizer = optimizer_of(
        network, network.bert, encoder_rate=plan.encoder_rate, head_rate=plan.head_rate
    )
    fit(
        network,
        data.batches(size=plan.batch_size, seed=plan.seed),
        lambda batch: _loss(network, data, batch, plan),
        optimizer,
        checkpoint=work / f"teacher-{run}.checkpoint",
        seed=plan.seed,
        label=f"teacher {name}",
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
    return sorted(set(outcomes.kinds.tolist()) - {UNKNOWN})


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of each query, and the `draws` of them with their token `ids` (draws,).

    `kinds` (queries,) are numbers, NO_KIND where not known; `scores` and `log_tokens` (queries,
    experts) and `needs_tools` (queries, 1) are NaN where not known.
    """

    draws: Draws
    ids: Sequence[Sequence[int]]
    kinds: Tensor
    scores: Tensor
    log_tokens: Tensor
    needs_tools: Tensor

    def batches(self, *, size: int, seed: int) -> list[Batch]:
        """Numbers of the draws of every batch."""
        lengths = np.array([len(row) for row in self.ids])
        return self.draws.batches(lengths, size=size, seed=seed)

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return padded([self.ids[draw] for draw in batch])


def labels_of(
    queries: OutcomeSet,
    kinds: Sequence[str],
    recipe: Recipe,
    plan: TeacherPlan | StudentPlan,
    *,
    tokenizer: Path,
) -> Labels:
    """Queries as tensors; `kinds` gives the numbers of the task kinds."""
    draws = Draws.of(
        queries,
        plan.draws,
        epochs=plan.epochs,
        varied=plan.varied,
        max_chars=recipe.max_chars,
        seed=plan.seed,
    )
    encode = RouterTokenizer(tokenizer, max_tokens=plan.max_tokens).input_ids
    number = {kind: index for index, kind in enumerate(kinds)} | {UNKNOWN: NO_KIND}
    return Labels(
        draws,
        [encode(text) for text in tqdm(draws.texts, desc="tokenize")],
        torch.tensor([number[kind] for kind in queries.kinds.tolist()]),
        torch.from_numpy(queries.scores),
        torch.from_numpy(queries.log_tokens),
        torch.from_numpy(queries.needs_tools[:, None]),
    )


def _loss(network: RouterNetwork, data: Labels, batch: Batch, plan: TeacherPlan) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = network.pooled(*data.inputs(batch))
    rows = data.draws.rows[batch]
    return label_loss(network, network.dropout(pooled.float()), data, rows, plan)


def label_loss(
    network: RouterNetwork,
    pooled: Tensor,
    data: Labels,
    rows: Batch,
    plan: TeacherPlan | StudentPlan,
) -> Tensor:
    """The loss of what is read off `pooled` (batch, width) against the outcomes of `rows`."""
    vector, kind_logits, log_tokens = network.read(pooled)
    odds, scores = network.heads(vector), data.scores[rows]
    score_loss = masked(functional.binary_cross_entropy_with_logits, odds, scores)
    if plan.soft_weight:
        score_loss = score_loss + plan.soft_weight * masked(
            functional.mse_loss, odds, _soft(scores)
        )
    length_loss = masked(
        functional.smooth_l1_loss, log_tokens + network.head_lengths, data.log_tokens[rows]
    )
    tools_loss = masked(
        functional.binary_cross_entropy_with_logits, network.tools(vector), data.needs_tools[rows]
    )
    kind_loss = functional.cross_entropy(
        kind_logits, data.kinds[rows], ignore_index=NO_KIND, reduction="sum"
    ) / len(rows)
    return (
        score_loss
        + plan.kind_weight * kind_loss
        + LENGTH_WEIGHT * length_loss
        + TOOLS_WEIGHT * tools_loss
    )


def _soft(scores: Tensor) -> Tensor:
    """Log-odds of scores, NaN for those of 0 and 1: that one answer was good says little of the
    chance, which a rating states."""
    inside = (scores > 0) & (scores < 1)
    return torch.where(inside, scores.clamp(LEAST_SOFT, 1 - LEAST_SOFT).logit(), torch.nan)


def masked(loss: Callable[..., Tensor], predicted: Tensor, target: Tensor) -> Tensor:
    """The loss over known targets, averaged within each row first, then over the rows."""
    known = ~target.isnan()
    each = loss(predicted, target.nan_to_num(), reduction="none") * known
    mean: Tensor = (each.sum(1) / known.sum(1).clamp(min=1)).mean()
    return mean
