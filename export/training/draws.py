"""Draws: which queries an epoch sees, how often, and in which wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_router.routing.artifact.text import cut

from ..data.outcome_set import OutcomeSet
from .loop import Batch, bucketed_batches
from .variation import Variation

__all__ = ["Draws"]

NOISE_WORDS = 20_000
EPOCH_SEEDS = 1000  # more than there are epochs


@dataclass(frozen=True, slots=True)
class Draws:
    """`texts` (draws,) of the queries `rows` (draws,), one epoch after the other; `epochs` are
    their parts."""

    texts: tuple[str, ...]
    rows: Batch
    epochs: tuple[slice, ...]

    @classmethod
    def of(
        cls,
        outcomes: OutcomeSet,
        often: Mapping[str, int],
        *,
        epochs: int,
        varied: float,
        max_chars: int,
        seed: int,
    ) -> Self:
        """Each epoch sees a query as `often` as its table says, or "*" for every other table, and a
        share `varied` (0..1) of the texts in other words around them, at most `max_chars` long."""
        times = [often.get(table, often["*"]) for table in outcomes.tables.tolist()]
        once = np.repeat(np.arange(len(outcomes)), times)
        words = _words(outcomes.texts)
        texts: list[str] = []
        for epoch in range(epochs):
            vary = Variation(words, share=varied, seed=(seed, epoch))
            texts += [cut(vary(outcomes.texts[row]), max_chars) for row in once.tolist()]
        parts = [slice(at * len(once), (at + 1) * len(once)) for at in range(epochs)]
        return cls(tuple(texts), np.tile(once, epochs), tuple(parts))

    def batches(self, lengths: Batch, *, size: int, seed: int) -> list[Batch]:
        """Numbers of the draws of every batch of every epoch; texts of like length, of which
        `lengths` (draws,) tells, go together."""
        return [
            batch + part.start
            for number, part in enumerate(self.epochs)
            for batch in bucketed_batches(
                lengths[part], size=size, epochs=1, seed=EPOCH_SEEDS * seed + number
            )
        ]


def _words(texts: Sequence[str]) -> list[str]:
    """Words of the texts, in their order of first use."""
    return list(dict.fromkeys(word for text in texts for word in text.split()))[:NOISE_WORDS]
