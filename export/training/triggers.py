"""Triggers: words that move a network's estimates whatever they are put to, to train against.

A few words in front of a message or behind it must not decide who answers it. While a student
learns, a pool of such triggers is kept strong against it by gradient-guided replacement of tokens
(HotFlip, Ebrahimi et al. 2018; universal triggers, Wallace et al. 2019, section 2), and a share of
its messages carries one, with the labels of the message alone.

What this gives, and that it is no defence against a patient attacker: export/results/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from edge_router.routing.artifact.text import head_and_tail
from edge_router.routing.experts.expert import PROFILES

from .loop import padded
from .model import RouterNetwork

__all__ = ["Triggers"]

POOL = 16
FEWEST_TOKENS, MOST_TOKENS = 5, 20
EVERY = 2  # calls of `improve` to one that changes a trigger: it costs as much as half a batch
CHANGED = 3  # tokens of a trigger at a time
CANDIDATES = 16  # replacements that promise most, of which one is drawn
MESSAGES = 24  # that a change of a trigger is tried on
RENEWED = 0.02  # of the triggers start again from random tokens, so that the pool stays mixed

Ids = Sequence[int]


class Triggers:
    """A pool of triggers, each against the gain of the last profile over another one.

    `tokens` are the numbers of the tokens that a trigger may be made of. Equal arguments and equal
    networks give equal triggers.
    """

    def __init__(self, tokens: Sequence[int], *, share: float, max_tokens: int, seed: int) -> None:
        """A `share` (0..1) of the messages carries one; none is longer than `max_tokens`."""
        self._tokens = torch.tensor(tokens)
        self._share, self._max_tokens = share, max_tokens
        self._calls = 0
        self._random = np.random.default_rng([seed, POOL])
        self._pool = [self._new() for _ in range(POOL)]
        self._over = self._random.integers(len(PROFILES) - 1, size=POOL)  # the profile gained over
        self._sign = np.where(np.arange(POOL) % 2, 1.0, -1.0)  # up or down

    def attacked(self, rows: Sequence[Ids]) -> list[Ids]:
        """Token ids of messages, a share of them with a trigger in front or behind."""
        random = self._random
        chosen = random.random(len(rows)) < self._share
        return [
            self._joined(row, self._pool[random.integers(POOL)], in_front=random.random() < 0.5)
            if attack
            else row
            for row, attack in zip(rows, chosen.tolist(), strict=True)
        ]

    def improve(self, network: RouterNetwork, rows: Sequence[Ids]) -> None:
        """Every few calls, change one trigger so that it moves `network` further on `rows`."""
        self._calls += 1
        short = [row for row in rows if len(row) + MOST_TOKENS <= self._max_tokens][:MESSAGES]
        if self._calls % EVERY or not short:
            return
        random = self._random
        number, in_front = int(random.integers(POOL)), bool(random.random() < 0.5)
        if random.random() < RENEWED:
            self._pool[number] = self._new()
        moved = partial(self._moved, network, short, number, in_front=in_front)
        trigger = self._pool[number]
        with _LastOutput(network.bert.embeddings.word_embeddings) as embedded:
            before = moved(trigger)
            (gradient,) = torch.autograd.grad(before, [embedded.tensor])
        starts = [1 if in_front else len(row) - 1 for row in short]
        changed = self._changed(network, trigger, gradient, starts)
        with torch.no_grad():
            after = moved(changed)
        if after > before:
            self._pool[number] = changed

    def _changed(
        self, network: RouterNetwork, trigger: Ids, gradient: Tensor, starts: Sequence[int]
    ) -> list[int]:
        """`trigger` with a few tokens replaced by ones that promise most, to first order: those
        along whose embedding the `gradient` (messages, tokens, width) rises. It starts at the
        tokens `starts` of the messages."""
        random, changed = self._random, list(trigger)
        every = torch.arange(len(starts))
        with torch.no_grad():
            table = network.bert.embeddings.word_embeddings.weight[self._tokens]
            for place in random.choice(len(trigger), CHANGED, replace=False).tolist():
                at = torch.tensor(starts) + place
                promise = table @ gradient[every, at].float().sum(0)
                best = promise.topk(CANDIDATES).indices[int(random.integers(CANDIDATES))]
                changed[place] = int(self._tokens[best])
        return changed

    def _moved(
        self,
        network: RouterNetwork,
        rows: Sequence[Ids],
        number: int,
        trigger: Ids,
        *,
        in_front: bool,
    ) -> Tensor:
        """The mean gain over the trigger's profile with the trigger, in the trigger's direction."""
        ids = [self._joined(row, trigger, in_front=in_front) for row in rows]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = network.pooled(*padded(ids))
        quality = network.sizes_of(network.read(pooled.float())[0]).sigmoid()
        gain = quality[:, -1] - quality[:, int(self._over[number])]
        return gain.mean() * float(self._sign[number])

    def _joined(self, row: Ids, trigger: Ids, *, in_front: bool) -> Ids:
        """[CLS] trigger message [SEP] or [CLS] message trigger [SEP], head and tail kept."""
        start, *message, end = row
        inner = [*trigger, *message] if in_front else [*message, *trigger]
        return [start, *head_and_tail(inner, self._max_tokens - 2), end]

    def _new(self) -> list[int]:
        length = int(self._random.integers(FEWEST_TOKENS, MOST_TOKENS + 1))
        places = self._random.integers(len(self._tokens), size=length)
        return [int(self._tokens[place]) for place in places.tolist()]


class _LastOutput:
    """Keeps the last output of a module while it is entered."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.tensor: Tensor

    def __enter__(self) -> Self:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self.tensor = output

        self._handle = self._module.register_forward_hook(keep)
        return self

    def __exit__(self, *_raised: object) -> None:
        self._handle.remove()
