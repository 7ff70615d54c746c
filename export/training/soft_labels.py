"""Soft labels: the mean prediction of trained networks for queries, labelled or not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from edge_router.routing.arrays import Bools, Float32s
from edge_router.routing.artifact.text import RouterTokenizer

from ..data.npz_cache import kept
from .heads import LinearHead
from .loop import padded
from .model import RouterNetwork, digest

__all__ = ["Opinion", "Specialist", "read_texts"]


BATCH = 64


@dataclass(frozen=True, slots=True)
class Opinion:
    """`log_odds` (queries, experts) of a good answer, `kinds` (queries, kinds) the posterior over
    task kinds, `log_tokens` (queries, 1) the answer's length before each expert's own offset."""

    log_odds: Float32s
    kinds: Float32s
    log_tokens: Float32s

    @classmethod
    def of(
        cls, vectors: Float32s, log_tokens: Float32s, heads: Sequence[LinearHead], *, kinds: int
    ) -> Opinion:
        """One network's, from its representations (queries, dim), whose last `kinds` numbers are
        the posterior, and a head for each expert."""
        exact = vectors.astype(np.float64)
        log_odds = np.stack([head.log_odds(exact) for head in heads], axis=1)
        return cls(log_odds.astype(np.float32), vectors[:, -kinds:], log_tokens)

    def joined(self, others: Sequence[Specialist]) -> Opinion:
        """With the mean log-odds of this opinion and of each of the `others` of what that one has
        studied. The rest is this one's."""
        total = self.log_odds.copy()
        count = np.ones_like(total, dtype=np.float32)
        for other in others:
            place = np.ix_(np.flatnonzero(other.rows), np.flatnonzero(other.experts))
            total[place] += other.log_odds
            count[place] += 1
        return replace(self, log_odds=total / count)


@dataclass(frozen=True, slots=True)
class Specialist:
    """What a network says that was trained on some tables only: `log_odds` (those queries, those
    experts) of the queries at which `rows` (queries,) and the experts at which `experts`
    (experts,) is true."""

    rows: Bools
    experts: Bools
    log_odds: Float32s


def read_texts(
    member: RouterNetwork, texts: Sequence[str], base: Path, max_tokens: int, work: Path
) -> tuple[Float32s, Float32s]:
    """A trained network's representations (queries, dim) and log_tokens (queries, 1), kept in
    `work`."""
    identity = f"{max_tokens}\0{digest(member)}\0" + "\0".join(texts)
    path = work / f"read-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npz"
    encode = RouterTokenizer(base / "tokenizer.json", max_tokens=max_tokens).input_ids
    arrays = kept(path, lambda: _read(member, [encode(text) for text in texts]))
    return arrays["vectors"], arrays["log_tokens"]


def _read(member: RouterNetwork, ids: Sequence[Sequence[int]]) -> dict[str, Float32s]:
    """Texts of like length together, in bf16 as in training."""
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    vectors, lengths = [], []
    with torch.no_grad():
        for at in tqdm(range(0, len(order), BATCH), "ask the teacher"):
            rows = order[at : at + BATCH]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                pooled = member.pooled(*padded([ids[row] for row in rows]))
            vector, _, log_tokens = member.read(pooled.float())
            vectors.append(vector.numpy())
            lengths.append(log_tokens.numpy())
    back = np.argsort(order)
    return {
        "vectors": np.concatenate(vectors)[back],
        "log_tokens": np.concatenate(lengths)[back],
    }
