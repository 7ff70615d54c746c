"""The study of agents: all figures, from the shipped artifact's embedding alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.agents.catalog.embedding import Embedder
from edge_router.routing.artifact.manifest import RouterArtifact

from .accuracy import Method, accuracy, flat, two_layers
from .growth import cache_hits, placement, timed_catalogue
from .intents import Intents, KnownEmbedder, banking77, clinc150, embedded, made_agents

__all__ = ["agents_study"]

SEEDS = 3  # draws of ten examples
TEN = 10
SIZES = (100, 227, 1000, 10_000)
TIMED = 200  # test requests, one intent after the other


def agents_study(
    artifact: RouterArtifact,
    data: Path,
    work: Path,
    *,
    reference: Path | None = None,
    language_model: bool = False,
) -> dict[str, Any]:
    """Figures for `agents_markdown`. `reference` is the folder of all-MiniLM-L6-v2, beside which
    flat similarity is shown; None leaves it out. With a `language_model` SmolLM2 chooses as well,
    which takes minutes. Raises ArtifactIncompatible for an artifact
    without embeddings, OSError."""
    clinc, banking = clinc150(data), banking77(data)
    more = [agent.spoken for agent in made_agents(SIZES[-1])]
    texts = list(dict.fromkeys([*clinc.texts, *banking.texts, *more]))
    vectors = embedded(artifact, texts, work, "intents")
    embedder = KnownEmbedder(artifact.hash, texts, vectors)
    study = {
        "artifact": artifact.hash,
        "CLINC150": _methods(clinc, embedder),
        "BANKING77": _methods(banking, embedder),
        "growth": _growth(clinc, banking, embedder),
        "placement": {str(n): placement(clinc, embedder, n) for n in (0, TEN)},
        "cache": cache_hits(clinc, embedder),
    }
    if language_model:
        from .language_model import language_model_choices

        study["language_model"] = {
            str(n): language_model_choices(clinc, embedder, n) for n in (0, TEN)
        }
    if reference is not None:
        from ...training.embedding import embed_cached

        known = KnownEmbedder("MiniLM", texts, embed_cached(texts, reference, work))
        study["reference"] = {one.name: _reference(one, known) for one in (clinc, banking)}
    return study


def _methods(intents: Intents, embedder: Embedder) -> dict[str, Any]:
    """Every method, those with ten examples over SEEDS draws."""
    methods: dict[str, Any] = {"names only": [flat(intents, embedder, 0)]}
    layered = len(set(intents.domains.values())) > 1
    if layered:
        methods["names only, two layers"] = [two_layers(intents, embedder, 0)]
    for head, words in ((False, "similarity"), (True, "head")):
        methods[f"10 examples, {words}"] = [
            flat(intents, embedder, TEN, seed=seed, head=head) for seed in range(SEEDS)
        ]
    if layered:
        methods["10 examples, head, two layers"] = [two_layers(intents, embedder, TEN, head=True)]
    for head, words in ((False, "similarity"), (True, "head")):
        methods[f"all examples, {words}"] = [flat(intents, embedder, None, head=head)]
    return {name: _averaged(intents, embedder, draws) for name, draws in methods.items()}


def _reference(intents: Intents, embedder: Embedder) -> dict[str, Any]:
    return {
        "names only": _averaged(intents, embedder, [flat(intents, embedder, 0)]),
        "10 examples, similarity": _averaged(intents, embedder, [flat(intents, embedder, TEN)]),
        "10 examples, head": _averaged(
            intents, embedder, [flat(intents, embedder, TEN, head=True)]
        ),
        "all examples, head": _averaged(
            intents, embedder, [flat(intents, embedder, None, head=True)]
        ),
    }


def _averaged(intents: Intents, embedder: Embedder, draws: list[Method]) -> dict[str, Any]:
    """The mean over draws; the curve of the first."""
    results = [accuracy(intents, embedder, one) for one in draws]
    numbers = [key for key in results[0] if key != "curve"]
    means = {key: float(np.mean([one[key] for one in results])) for key in numbers}
    return means | {"draws": len(draws), "curve": results[0].get("curve")}


def _growth(clinc: Intents, banking: Intents, embedder: Embedder) -> Mapping[str, Any]:
    """Catalogues of names alone, CLINC's requests."""
    everyone = [*clinc.agents(0, 0), *banking.agents(0, 0), *made_agents(SIZES[-1])]
    result = {}
    for size in (len(clinc.domains), *SIZES):
        agents = everyone[:size]
        names = {agent.name for agent in agents}
        asked = [row for row in clinc.test if row[1] in names]
        step = max(1, len(asked) // TIMED)
        result[str(size)] = timed_catalogue(agents, embedder, asked[::step])
    return result
