"""CLINC150 and BANKING77: intents as agents, described by nothing but their names."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.agents.catalog.agent import Agent
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact

from ...data.npz_cache import kept

__all__ = ["Intents", "KnownEmbedder", "banking77", "clinc150", "embedded", "made_agents"]

Labelled = tuple[tuple[str, str], ...]
"""Requests, each with the name of its intent."""

VERBS = "calibrate archive lubricate provision decommission inspect irrigate weld laminate audit"
NOUNS = (
    "turbine warehouse pipeline greenhouse conveyor antenna reactor kiln sawmill orchard "
    "substation forklift loom quarry smelter trawler silo gearbox hydrofoil compressor"
)
PLACES = (
    "north south east west upper lower inner outer first second third fourth fifth sixth seventh "
    "eighth ninth tenth alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi "
    "omicron pi rho sigma tau upsilon phi chi psi omega red blue green white black amber violet "
    "silver"
)


@dataclass(frozen=True, slots=True)
class Intents:
    """`domains` maps each intent to its domain. `dev` is for choosing, `test` for the report."""

    name: str
    domains: Mapping[str, str]
    train: Labelled
    dev: Labelled
    test: Labelled
    out_of_scope_dev: tuple[str, ...] = ()
    out_of_scope_test: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """All requests, and all names as they are embedded with and without examples, each once."""
        labelled = [text for part in (self.train, self.dev, self.test) for text, _ in part]
        outside = [*self.out_of_scope_dev, *self.out_of_scope_test]
        named = [text for agent in self.agents(0, 0) for text in agent.phrasings]
        return list(dict.fromkeys([*labelled, *outside, *named]))

    def agents(self, examples: int | None, seed: int) -> list[Agent]:
        """An agent for each intent, with so many of its train requests; with all for None."""
        order = np.random.default_rng(seed).permutation(len(self.train))
        of: dict[str, list[str]] = {name: [] for name in self.domains}
        for row in order:
            text, name = self.train[row]
            if examples is None or len(of[name]) < examples:
                of[name].append(text)
        return [
            Agent(name, examples=tuple(dict.fromkeys(of[name])), category=domain)
            for name, domain in self.domains.items()
        ]


def clinc150(data: Path) -> Intents:
    """`data` holds queries/. Out of scope, train and validation together are for choosing."""
    folder = data / "queries/clinc150"
    with gzip.open(folder / "data_oos_plus.json.gz", "rt", encoding="utf-8") as file:
        rows: Mapping[str, Any] = json.load(file)
    domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    outside = [text for part in ("oos_train", "oos_val") for text, _ in rows[part]]
    train, dev, test = (
        tuple((text, name) for text, name in rows[part]) for part in ("train", "val", "test")
    )
    return Intents(
        "CLINC150",
        {name: domain for domain, names in domains.items() for name in names},
        train,
        dev,
        test,
        tuple(outside),
        tuple(text for text, _ in rows["oos_test"]),
    )


def banking77(data: Path) -> Intents:
    """Every tenth train request is for choosing; it has no domains and nothing out of scope."""
    folder = data / "queries/banking77"
    with gzip.open(folder / "train.csv.gz", "rt", encoding="utf-8", newline="") as packed:
        train = [(row["text"], row["category"]) for row in csv.DictReader(packed)]
    with (folder / "test.csv").open(encoding="utf-8", newline="") as file:
        test = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    dev = tuple(train[::10])
    kept_for_train = tuple(row for number, row in enumerate(train) if number % 10)
    names = sorted({name for _, name in train})
    return Intents("BANKING77", dict.fromkeys(names, "banking"), kept_for_train, dev, tuple(test))


def made_agents(count: int) -> list[Agent]:
    """So many more agents, of trades that no request of either set is about; 10,000 at most."""
    names = [
        f"{verb}_{place}_{noun}"
        for place in PLACES.split()
        for noun in NOUNS.split()
        for verb in VERBS.split()
    ]
    return [Agent(name, category=name.split("_")[2]) for name in names[:count]]


class KnownEmbedder:
    """Gives embeddings that were computed before. Raises KeyError for any other text."""

    def __init__(self, name: str, texts: Sequence[str], vectors: Float32s) -> None:
        self.name = name
        self.dim = vectors.shape[1]
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> Float32s:
        rows: Float32s = self._vectors[[self._rows[text] for text in texts]]
        return rows


def embedded(artifact: RouterArtifact, texts: Sequence[str], work: Path, label: str) -> Float32s:
    """Embeddings (texts, dim), one text at a time as in serving; kept in `work`."""
    encoder = OnnxEncoder(artifact)
    path = work / f"agents-{label}-{len(texts)}-{artifact.hash[:16]}.npz"
    arrays = kept(path, lambda: {"vectors": np.vstack([encoder.embed([one]) for one in texts])})
    return arrays["vectors"].astype(np.float32)
