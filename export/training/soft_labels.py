"""Soft labels: the mean prediction of trained networks for queries, labelled or not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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

__all__ = ["Opinion", "Specialist", "log_odds_of", "read_texts"]


BATCH = 64


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is said of each query: log-odds of a good answer, `experts` (queries, experts) of every
    model and `sizes` (queries, 6) of the six profiles, and `needs_tools` (queries, 1) that it needs
    live data or a device; `log_tokens` (queries, 1) the answer's length before each expert's own
    offset; `kinds` (queries, kinds) the posterior over task kinds."""

    experts: Float32s
    sizes: Float32s
    needs_tools: Float32s
    log_tokens: Float32s
    kinds: Float32s

    def joined(self, others: Sequence[Specialist]) -> Opinion:
        """With the `others`, each on what it has studied: an expert's log-odds are the mean of all
        networks that know it; the sizes, the need of tools and the length are the mean of the
        specialists, where there is one. The kinds are this one's."""
        experts, opinions = self.experts.copy(), np.ones_like(self.experts)
        for other in others:
            place = np.ix_(np.flatnonzero(other.rows), np.flatnonzero(other.known))
            experts[place] += other.experts
            opinions[place] += 1
        return Opinion(
            experts / opinions,
            _mean_of([(one, one.sizes) for one in others], self.sizes),
            _mean_of([(one, one.needs_tools) for one in others], self.needs_tools),
            _mean_of([(one, one.log_tokens) for one in others], self.log_tokens),
            self.kinds,
        )


@dataclass(frozen=True, slots=True)
class Specialist:
    """What a network says that was trained on some tables only, of the queries at which `rows`
    (queries,) is true: `experts` (those queries, those experts) of the experts at which `known`
    (experts,) is true, `sizes` (those queries, 6), `needs_tools` and `log_tokens` (those queries,
    1), the length on the scale of the opinion that it joins; NaN where it says nothing. It counts
    as `weight` networks."""

    rows: Bools
    known: Bools
    experts: Float32s
    sizes: Float32s
    needs_tools: Float32s
    log_tokens: Float32s
    weight: float = 1.0


def _mean_of(said: Sequence[tuple[Specialist, Float32s]], otherwise: Float32s) -> Float32s:
    """The mean of what specialists said of each query (queries, numbers), `otherwise` where nothing
    or NaN."""
    total, weight = np.zeros_like(otherwise), np.zeros_like(otherwise)
    for one, values in said:
        total[one.rows] += one.weight * np.nan_to_num(values)
        weight[one.rows] += one.weight * ~np.isnan(values)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), otherwise)


def log_odds_of(heads: Sequence[LinearHead], vectors: Float32s) -> Float32s:
    """(queries, heads) from representations (queries, dim)."""
    exact = vectors.astype(np.float64)
    return np.stack([head.log_odds(exact) for head in heads], axis=1).astype(np.float32)


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
