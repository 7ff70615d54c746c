"""What an ensemble of trained networks says about queries, labelled or not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from edge_router.text import RouterTokenizer

from .loop import padded
from .model import RouterNetwork, digest

__all__ = ["Opinion", "ask_teacher"]

Floats = npt.NDArray[np.float32]

BATCH = 64


@dataclass(frozen=True, slots=True)
class Opinion:
    """`log_odds` (queries, experts) of a good answer, `kinds` (queries, kinds) the posterior over
    task kinds, `log_tokens` (queries, 1) the answer's length before each expert's own offset."""

    log_odds: Floats
    kinds: Floats
    log_tokens: Floats


def ask_teacher(
    members: Sequence[RouterNetwork], texts: Sequence[str], base: Path, max_tokens: int, work: Path
) -> Opinion:
    """The mean of the members' log-odds, posteriors and lengths; kept in `work`."""
    kept = work / f"opinion-{_digest(members, texts, max_tokens)}.npz"
    if not kept.exists():
        encode = RouterTokenizer(base / "tokenizer.json", max_tokens=max_tokens).input_ids
        ids = [encode(text) for text in texts]
        opinions = [_opinion(member, ids, f"teacher {at}") for at, member in enumerate(members)]
        mean = {name: np.mean([o[name] for o in opinions], axis=0) for name in opinions[0]}
        with kept.with_suffix(".new").open("wb") as file:
            np.savez(file, **mean)
        kept.with_suffix(".new").replace(kept)
    with np.load(kept) as found:
        return Opinion(found["log_odds"], found["kinds"], found["log_tokens"])


def _digest(members: Iterable[RouterNetwork], texts: Sequence[str], max_tokens: int) -> str:
    found = hashlib.sha256(f"{max_tokens}\0".encode() + "\0".join(texts).encode())
    for member in members:
        found.update(digest(member).encode())
    return found.hexdigest()[:16]


def _opinion(member: RouterNetwork, ids: Sequence[Sequence[int]], told: str) -> dict[str, Floats]:
    """Longest texts together, in bf16 as in training."""
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    parts: dict[str, list[Floats]] = {"log_odds": [], "kinds": [], "log_tokens": []}
    with torch.no_grad():
        for at in tqdm(range(0, len(order), BATCH), f"ask {told}"):
            rows = order[at : at + BATCH]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                pooled = member.pooled(*padded([ids[row] for row in rows]))
            vector, kind_logits, log_tokens = member.read(pooled.float())
            parts["log_odds"].append(member.heads(vector).numpy())
            parts["kinds"].append(kind_logits.softmax(-1).numpy())
            parts["log_tokens"].append(log_tokens.numpy())
    back = np.argsort(order)
    return {name: np.concatenate(found)[back] for name, found in parts.items()}
