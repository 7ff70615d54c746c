"""One training loop for all networks: schedule, progress bar and checkpoints."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..data.rows import BadData

__all__ = ["Batch", "bucketed_batches", "fit", "one_thread", "optimizer_of", "padded"]

CHECKPOINT_EVERY_S = 60.0
BUCKET_BATCHES = 50
WARM_UP = 0.06

Batch = npt.NDArray[np.int64]


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread: more add up in another order, so that numbers would depend on
    how many cores there are, and small networks gain nothing from them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    network: nn.Module,
    batches: Sequence[Batch],
    loss_of: Callable[[Batch], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    checkpoint: Path,
    seed: int,
    label: str,
) -> None:
    """Minimise `loss_of` over `batches`, in their order.

    A run that is stopped (SIGTERM, Ctrl-C) finishes its batch and writes `checkpoint`; one that
    is killed outright loses at most a minute. Either goes on from there and sees the same batches
    and the same dropout. Raises BadData for a checkpoint that cannot be read.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=rates,
        total_steps=len(batches),
        pct_start=WARM_UP,
        anneal_strategy="linear",
    )
    state = {"network": network, "optimizer": optimizer, "schedule": schedule}
    first = _resume(checkpoint, state)
    network.train()
    saved_at = time.monotonic()
    with _end_requests() as requested:
        for step in tqdm(range(first, len(batches)), label, len(batches), initial=first):
            torch.manual_seed(seed * 100_003 + step)
            loss = loss_of(batches[step])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if requested.is_set() or time.monotonic() - saved_at > CHECKPOINT_EVERY_S:
                _save(checkpoint, state, step + 1)
                saved_at = time.monotonic()
            if requested.is_set():
                raise KeyboardInterrupt(f"{label} stopped after batch {step + 1}; run it again")
    network.eval()


@contextmanager
def _end_requests() -> Iterator[threading.Event]:
    """Turn SIGTERM and Ctrl-C into an event; only the main thread may."""
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return

    def note(_signal: int, _frame: FrameType | None) -> None:
        requested.set()

    before = {kind: signal.signal(kind, note) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield requested
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _save(path: Path, state: dict[str, Any], step: int) -> None:
    content = {name: part.state_dict() for name, part in state.items()} | {"step": step}
    torch.save(content, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)  # never a half-written checkpoint


def _resume(path: Path, state: dict[str, Any]) -> int:
    if not path.exists():
        return 0
    try:
        checkpoint = torch.load(path, weights_only=True)
        for name, part in state.items():
            part.load_state_dict(checkpoint[name])
        return int(checkpoint["step"])
    except Exception as error:
        fault = type(error).__name__
        raise BadData(f"checkpoint {path} cannot be read ({fault}); delete it") from error


def bucketed_batches(
    lengths: npt.NDArray[np.int64], *, size: int, epochs: int, seed: int
) -> Iterator[Batch]:
    """Row numbers of every batch of every epoch; texts of like length go together."""
    for epoch in range(epochs):
        random = np.random.default_rng([seed, epoch])
        order = random.permutation(len(lengths))
        chunk = size * BUCKET_BATCHES
        chunks = [order[at : at + chunk] for at in range(0, len(order), chunk)]
        order = np.concatenate([rows[np.argsort(lengths[rows])] for rows in chunks])
        starts = np.arange(0, len(order), size)
        random.shuffle(starts)
        for at in starts:
            yield order[at : at + size]


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """`input_ids` and `attention_mask`, each (batch, tokens), padded to the longest row."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return ids, mask


def optimizer_of(
    network: nn.Module, encoder: nn.Module, *, encoder_rate: float, head_rate: float
) -> torch.optim.Optimizer:
    """AdamW, with a smaller rate for the encoder than for what is read off it."""
    slow = list(encoder.parameters())
    known = {id(parameter) for parameter in slow}
    fast = [parameter for parameter in network.parameters() if id(parameter) not in known]
    return torch.optim.AdamW(
        [{"params": slow, "lr": encoder_rate}, {"params": fast, "lr": head_rate}],
        weight_decay=0.01,
        fused=True,  # on a CPU too: a quarter of a step goes otherwise into the optimizer
    )
