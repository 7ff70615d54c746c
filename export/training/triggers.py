"""Triggers: words that move a network's estimates whatever they are put to, to train against.

A few words in front of a message or behind it must not decide who answers it. While a student
learns, a pool of such triggers is kept strong against it by gradient-guided replacement of words
(HotFlip, Ebrahimi et al. 2018; universal triggers, Wallace et al. 2019, section 2), and a share of
its messages carries one, with the labels of the message alone. Words are whole, so that a formula
or an amount, which is many tokens, is tried as an attacker would.

What this gives, and that it is no defence against a patient attacker: export/results/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from edge_router.routing.artifact.text import head_and_tail
from edge_router.routing.experts.expert import PROFILES

from .loop import padded
from .model import RouterNetwork

__all__ = ["MOST_TOKENS", "Attacked", "Triggers"]

POOL = 24
FEWEST_WORDS, MOST_WORDS = 4, 20
MOST_TOKENS = 90  # of a trigger
UPWARD = 2 / 3  # of the triggers: what reads like a harder question is the harder to see
FIRST_CHANGES = 10  # of each trigger before the first step: random words teach little
CHANGED = 3  # words of a trigger at a time
TRIED = 2_000  # words that may come in their place
CANDIDATES = 8  # of them, those that promise most, of which one is drawn
MESSAGES = 24  # that a change of a trigger is tried on
RENEWED = 0.02  # of the triggers start again from random words, so that the pool stays mixed

Ids = Sequence[int]
Trigger = list[Ids]  # its words


@dataclass(frozen=True, slots=True)
class Attacked:
    """Token `ids` of a message; with a trigger, `own` has a 1 for each token of the message and a 0
    for each of the trigger. Nothing stands there for a message that carries none."""

    ids: Ids
    own: Sequence[int]


class Triggers:
    """A pool of triggers, each against the gain of the last profile over another one.

    `words` are those that a trigger may be made of, each as its token ids. Equal arguments and
    equal networks give equal triggers.
    """

    def __init__(self, words: Sequence[Ids], *, share: float, max_tokens: int, seed: int) -> None:
        """A `share` (0..1) of the messages carries one; none is longer than `max_tokens`."""
        self._words = words
        self._share, self._max_tokens = share, max_tokens
        self._random = np.random.default_rng([seed, POOL])
        self._pool = [self._new() for _ in range(POOL)]
        self._over = self._random.integers(len(PROFILES) - 1, size=POOL)  # the profile gained over
        self._sign = np.where(np.arange(POOL) < UPWARD * POOL, 1.0, -1.0)

    def attacked(self, rows: Sequence[Ids]) -> list[Attacked]:
        """Token ids of messages, a share of them with a trigger in front or behind."""
        random = self._random
        chosen = random.random(len(rows)) < self._share
        return [
            self._joined(row, self._pool[random.integers(POOL)], in_front=random.random() < 0.5)
            if attack
            else Attacked(row, ())
            for row, attack in zip(rows, chosen.tolist(), strict=True)
        ]

    def strengthen(self, network: RouterNetwork, rows: Sequence[Ids]) -> None:
        """Change every trigger a few times, on some of the `rows`."""
        for _ in tqdm(range(FIRST_CHANGES * POOL), "triggers"):
            among = self._random.choice(len(rows), min(MESSAGES, len(rows)), replace=False)
            self.improve(network, [rows[row] for row in among.tolist()])

    def improve(self, network: RouterNetwork, rows: Sequence[Ids]) -> None:
        """Change one trigger so that it moves `network` further on `rows`. It costs as much as half
        a batch."""
        random = self._random
        number, in_front = int(random.integers(POOL)), bool(random.random() < 0.5)
        if random.random() < RENEWED:
            self._pool[number] = self._new()
        trigger = self._pool[number]
        room = self._max_tokens - sum(map(len, trigger))
        short = [row for row in rows if len(row) <= room][:MESSAGES]
        if not short:
            return
        moved = partial(self._moved, network, short, number, in_front=in_front)
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
        self, network: RouterNetwork, trigger: Trigger, gradient: Tensor, starts: Sequence[int]
    ) -> Trigger:
        """`trigger` with a few words replaced by ones that promise most, to first order: those
        along whose embedding the `gradient` (messages, tokens, width) rises. It starts at the
        tokens `starts` of the messages."""
        random, changed = self._random, list(trigger)
        among = random.choice(len(self._words), min(TRIED, len(self._words)), replace=False)
        tried = [self._words[at] for at in among.tolist()]
        ends = np.cumsum([len(word) for word in trigger])
        rows = torch.arange(len(starts))
        with torch.no_grad():
            table = self._embedded(network, tried)
            for place in random.choice(len(trigger), CHANGED, replace=False).tolist():
                at = torch.tensor(starts) + int(ends[place]) - 1
                promise = table @ gradient[rows, at].float().sum(0)
                best = promise.topk(CANDIDATES).indices[int(random.integers(CANDIDATES))]
                changed[place] = tried[int(best)]
        return _short_enough(changed)

    @staticmethod
    def _embedded(network: RouterNetwork, words: Sequence[Ids]) -> Tensor:
        """The sum of the embeddings of each word's tokens: (words, width)."""
        tokens = torch.tensor([token for word in words for token in word])
        starts = torch.tensor([0, *np.cumsum([len(word) for word in words])[:-1].tolist()])
        table = network.bert.embeddings.word_embeddings.weight
        return functional.embedding_bag(tokens, table, starts, mode="sum")

    def _moved(
        self,
        network: RouterNetwork,
        rows: Sequence[Ids],
        number: int,
        trigger: Trigger,
        *,
        in_front: bool,
    ) -> Tensor:
        """The mean gain over the trigger's profile with the trigger, in the trigger's direction."""
        ids = [self._joined(row, trigger, in_front=in_front).ids for row in rows]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = network.pooled(*padded(ids))
        quality = network.sizes_of(network.read(pooled.float())[0]).sigmoid()
        gain = quality[:, -1] - quality[:, int(self._over[number])]
        return gain.mean() * float(self._sign[number])

    def _joined(self, row: Ids, trigger: Trigger, *, in_front: bool) -> Attacked:
        """[CLS] trigger message [SEP] or [CLS] message trigger [SEP], head and tail kept."""
        start, *message, end = row
        tokens = [token for word in trigger for token in word]
        own, foreign, most = [1] * len(message), [0] * len(tokens), self._max_tokens - 2
        inner = [*tokens, *message] if in_front else [*message, *tokens]
        marks = [*foreign, *own] if in_front else [*own, *foreign]
        ids = [start, *head_and_tail(inner, most), end]
        return Attacked(ids, [1, *head_and_tail(marks, most), 1])

    def _new(self) -> Trigger:
        length = int(self._random.integers(FEWEST_WORDS, MOST_WORDS + 1))
        places = self._random.integers(len(self._words), size=length)
        return _short_enough([self._words[place] for place in places.tolist()])


def _short_enough(trigger: Trigger) -> Trigger:
    """Without the words behind MOST_TOKENS, but for the first few."""
    ends = np.cumsum([len(word) for word in trigger])
    return trigger[: max(FEWEST_WORDS, int((ends <= MOST_TOKENS).sum()))]


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
