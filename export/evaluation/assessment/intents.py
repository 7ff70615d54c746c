"""Short commands with their intents and domains: CLINC150 and BANKING77, for embeddings."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...data.rows import require_there

__all__ = ["Commands", "banking77", "clinc150", "same_intent_pairs"]

Pairs = npt.NDArray[np.intp]

OF_SPLIT = {"dev": "val", "test": "test"}


@dataclass(frozen=True, slots=True)
class Commands:
    """`intents` and `domains` of each text."""

    texts: tuple[str, ...]
    intents: npt.NDArray[np.str_]
    domains: npt.NDArray[np.str_]


def clinc150(data: Path, split: str) -> Commands:
    """The part "train", or the one that "dev" or "test" stands for. Raises NoSuchFile."""
    folder = data / "queries" / "clinc150"
    require_there(folder / "data_full.json.gz")
    listed = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    domain = {intent: name for name, intents in listed.items() for intent in intents}
    with gzip.open(folder / "data_full.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)[OF_SPLIT.get(split, split)]
    intents = [intent for _, intent in rows]
    return Commands(
        tuple(text for text, _ in rows),
        np.array(intents),
        np.array([domain[intent] for intent in intents]),
    )


def banking77(data: Path) -> Commands:
    """The test part; all of it is one domain. Raises NoSuchFile."""
    path = data / "queries" / "banking77" / "test.csv"
    require_there(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return Commands(
        tuple(text for text, _ in rows),
        np.array([category for _, category in rows]),
        np.full(len(rows), "banking"),
    )


def same_intent_pairs(commands: Commands, count: int, seed: int) -> tuple[Pairs, Pairs]:
    """Pairs (count or fewer, 2) of one intent, and of different intents of one domain."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(commands.texts), (40 * count, 2))
    one, other = drawn.T
    different = commands.domains[one] == commands.domains[other]
    different &= commands.intents[one] != commands.intents[other]
    return _paraphrases(commands, count, random), drawn[different][:count]


def _paraphrases(commands: Commands, count: int, random: np.random.Generator) -> Pairs:
    order = random.permutation(len(commands.texts))
    by_intent = order[np.argsort(commands.intents[order], kind="stable")]
    near = np.stack([by_intent[:-1], by_intent[1:]], axis=1)
    same = commands.intents[near[:, 0]] == commands.intents[near[:, 1]]
    return random.permutation(near[same])[:count]
