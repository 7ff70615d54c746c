"""Fine-tune the encoder jointly on every outcome table, with one linear head per expert."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from edge_router.text import RouterTokenizer

from .data import OutcomeSet
from .model import RouterNetwork, hold_to_grid, settle_on_grid

__all__ = ["TrainingPlan", "task_kinds", "train"]

CHECKPOINT_EVERY = 100
LENGTH_WEIGHT = 0.05
BUCKET_BATCHES = 50


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Hyperparameters, as a recipe states them."""

    epochs: int
    batch_size: int
    encoder_rate: float
    head_rate: float
    kind_weight: float
    difficulties: int
    max_tokens: int
    seed: int


def train(outcomes: OutcomeSet, plan: TrainingPlan, base: Path, work: Path) -> RouterNetwork:
    """Train on the `train` split; a killed run goes on from its last checkpoint in `work`.

    Loss per query: logistic loss averaged over the experts seen there, plus `kind_weight` times
    the cross-entropy of its task kind, plus a little for the length of the answers. Weights are
    held to the int8 grid all the while (quantisation-aware training).
    """
    run = _fingerprint(outcomes, plan)
    finished, checkpoint = work / f"network-{run}.pt", work / f"checkpoint-{run}.pt"
    kinds = task_kinds(outcomes)
    torch.manual_seed(plan.seed)
    network = RouterNetwork.from_pretrained(base, **_sizes(outcomes, plan, kinds))
    if finished.exists():
        network.load_state_dict(torch.load(finished, weights_only=True))
        return network.eval()
    hold_to_grid(network)
    data = _tensors(outcomes.split("train"), kinds, base / "tokenizer.json", plan)
    batches = list(_batches(data, plan))
    optimizer, schedule = _optimizer(network, plan, len(batches))
    first = _resume(checkpoint, network, optimizer, schedule)
    network.train()
    bar = tqdm(range(first, len(batches)), initial=first, total=len(batches), desc="train")
    for step in bar:
        torch.manual_seed(plan.seed * 100_003 + step)  # dropout repeats when a run goes on
        loss = _loss(network, data, batches[step], plan)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (step + 1) % CHECKPOINT_EVERY == 0:
            _save(checkpoint, network, optimizer, schedule, step + 1)
    settle_on_grid(network)
    torch.save(network.state_dict(), finished)
    return network.eval()


def _fingerprint(outcomes: OutcomeSet, plan: TrainingPlan) -> str:
    """Names a run by its plan and its data, so that no other run's files are taken for its own."""
    told = [repr(plan), *outcomes.experts, *outcomes.qkeys, *outcomes.splits.tolist()]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]


def task_kinds(outcomes: OutcomeSet) -> list[str]:
    """The task kinds in the order of the representation's posterior."""
    return sorted(set(outcomes.kinds.tolist()))


def _sizes(outcomes: OutcomeSet, plan: TrainingPlan, kinds: list[str]) -> dict[str, int]:
    return {
        "difficulties": plan.difficulties,
        "kinds": len(kinds),
        "experts": len(outcomes.experts),
    }


@dataclass(frozen=True, slots=True)
class _Tensors:
    ids: list[list[int]]
    kinds: Tensor  # (queries,)
    scores: Tensor  # (queries, experts), NaN where not known
    log_tokens: Tensor  # (queries, experts), NaN where not known


def _tensors(rows: OutcomeSet, kinds: list[str], tokenizer: Path, plan: TrainingPlan) -> _Tensors:
    encode = RouterTokenizer(tokenizer, max_tokens=plan.max_tokens).input_ids
    number = {kind: index for index, kind in enumerate(kinds)}
    return _Tensors(
        [encode(text) for text in tqdm(rows.texts, desc="tokenize")],
        torch.tensor([number[kind] for kind in rows.kinds.tolist()]),
        torch.from_numpy(rows.scores),
        torch.from_numpy(rows.log_tokens),
    )


def _batches(data: _Tensors, plan: TrainingPlan) -> Iterator[npt.NDArray[np.int64]]:
    """Row numbers of every batch of every epoch; texts of like length go together."""
    lengths = np.array([len(ids) for ids in data.ids])
    for epoch in range(plan.epochs):
        random = np.random.default_rng([plan.seed, epoch])
        order = random.permutation(len(lengths))
        size = plan.batch_size * BUCKET_BATCHES
        chunks = [order[at : at + size] for at in range(0, len(order), size)]
        order = np.concatenate([chunk[np.argsort(lengths[chunk])] for chunk in chunks])
        starts = np.arange(0, len(order), plan.batch_size)
        random.shuffle(starts)
        for at in starts:
            yield order[at : at + plan.batch_size]


def _loss(
    network: RouterNetwork, data: _Tensors, rows: npt.NDArray[np.int64], plan: TrainingPlan
) -> Tensor:
    ids, mask = _padded([data.ids[row] for row in rows])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = network.pooled(ids, mask)
    vector, kind_logits, log_tokens = network.read(network.dropout(pooled.float()))
    score_loss = _masked(
        functional.binary_cross_entropy_with_logits,
        network.heads(vector),
        data.scores[rows],
    )
    length_loss = _masked(
        functional.smooth_l1_loss, log_tokens + network.head_lengths, data.log_tokens[rows]
    )
    kind_loss = functional.cross_entropy(kind_logits, data.kinds[rows])
    return score_loss + plan.kind_weight * kind_loss + LENGTH_WEIGHT * length_loss


def _masked(loss: Callable[..., Tensor], predicted: Tensor, target: Tensor) -> Tensor:
    """The loss over known targets, averaged within each row first, then over the rows."""
    known = ~target.isnan()
    each = loss(predicted, target.nan_to_num(), reduction="none") * known
    mean: Tensor = (each.sum(1) / known.sum(1).clamp(min=1)).mean()
    return mean


def _padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return ids, mask


def _optimizer(
    network: RouterNetwork, plan: TrainingPlan, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    encoder = list(network.bert.parameters())
    known = {id(parameter) for parameter in encoder}
    heads = [parameter for parameter in network.parameters() if id(parameter) not in known]
    optimizer = torch.optim.AdamW(
        [{"params": encoder, "lr": plan.encoder_rate}, {"params": heads, "lr": plan.head_rate}],
        weight_decay=0.01,
    )
    rates = [plan.encoder_rate, plan.head_rate]
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rates, total_steps=steps, pct_start=0.06, anneal_strategy="linear"
    )


def _save(
    path: Path,
    network: RouterNetwork,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    step: int,
) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "step": step,
    }
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)  # never a half-written checkpoint


def _resume(
    path: Path,
    network: RouterNetwork,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return int(state["step"])
