"""The study of agents: all figures, from the shipped artifact's embedding alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.agents.catalog.embedding import Embedder
from edge_router.guards.data_folder import write_atomically
from edge_router.routing.artifact.manifest import RouterArtifact

from .accuracy import Method, accuracy, flat, two_layers
from .growth import cache_hits, placement, timed_catalogue
from .intents import Intents, KnownEmbedder, banking77, clinc150, embedded, made_agents
from .other_heads import other_heads

__all__ = ["agents_study"]

SEEDS = 3  # draws of ten examples
TEN = 10
SIZES = (100, 150, 227, 1000, 10_000)
TIMED = 200  # test requests, one intent after the other


def agents_study(
    artifact: RouterArtifact,
    data: Path,
    work: Path,
    *,
    reference: Path | None = None,
    language_model: bool = False,
    semantic_router: Path | None = None,
) -> dict[str, Any]:
    """Figures for `agents_markdown`; each part is kept in `work`, so that a killed run goes on.

    `reference` is the folder of all-MiniLM-L6-v2, beside which some methods are shown; None leaves
    it out. With a `language_model` SmolLM2 chooses as well, which takes minutes. `semantic_router`
    is the interpreter of an environment that has it: it is shown with the same embeddings. Raises
    ArtifactIncompatible for an artifact without embeddings, OSError.
    """
    clinc, banking = clinc150(data), banking77(data)
    more = [text for agent in made_agents(SIZES[-1]) for text in agent.phrasings]
    texts = list(dict.fromkeys([*clinc.texts, *banking.texts, *more]))
    vectors = embedded(artifact, texts, work, "intents")
    embedder = KnownEmbedder(artifact.hash, texts, vectors)
    parts = _Parts(work / f"agents-{artifact.hash[:16]}")
    study = {
        "artifact": artifact.hash,
        "CLINC150": _methods(clinc, embedder, parts),
        "BANKING77": _methods(banking, embedder, parts),
        "other_heads": {
            one.name: parts.kept(
                f"other heads {one.name}", partial(other_heads, one, embedder, TEN, draws=SEEDS)
            )
            for one in (clinc, banking)
        },
        "growth": _growth(clinc, banking, embedder, parts),
        "placement": {
            str(n): parts.kept(f"placement {n}", partial(placement, clinc, embedder, n))
            for n in (0, TEN)
        },
        "cache": parts.kept("cache", partial(cache_hits, clinc, embedder)),
    }
    if language_model:
        from .language_model import language_model_choices

        study["language_model"] = {
            str(n): parts.kept(
                f"language model {n}", partial(language_model_choices, clinc, embedder, n)
            )
            for n in (0, TEN)
        }
    if semantic_router is not None:
        study["semantic_router"] = _semantic_router(semantic_router, clinc, embedder, parts)
    if reference is not None:
        study |= _by_reference(clinc, banking, reference, work, semantic_router)
    return study


def _by_reference(
    clinc: Intents, banking: Intents, reference: Path, work: Path, semantic_router: Path | None
) -> dict[str, Any]:
    """The same methods with the embeddings of all-MiniLM-L6-v2."""
    from ...training.embedding import embed_cached

    asked = list(dict.fromkeys([*clinc.texts, *banking.texts]))
    known = KnownEmbedder("MiniLM", asked, embed_cached(asked, reference, work))
    parts = _Parts(work / "agents-MiniLM")
    figures: dict[str, Any] = {
        "reference": {one.name: _methods(one, known, parts) for one in (clinc, banking)}
    }
    if semantic_router is not None:
        figures["semantic_router_reference"] = _semantic_router(
            semantic_router, clinc, known, parts
        )
    return figures


@dataclass(frozen=True, slots=True)
class _Parts:
    """Figures in JSON files of a folder, each made once."""

    folder: Path

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        path = self.folder / f"{name.replace(' ', '-').replace(',', '')}.json"
        if not path.exists():
            write_atomically(path, json.dumps(make()))
        return json.loads(path.read_text(encoding="utf-8"))


def _methods(intents: Intents, embedder: Embedder, parts: _Parts) -> dict[str, Any]:
    """Every method, those with ten examples over SEEDS draws."""
    made: dict[str, list[Callable[[], Method]]] = {
        "names only": [partial(flat, intents, embedder, 0)]
    }
    layered = len(set(intents.domains.values())) > 1
    if layered:
        made["names only, two layers"] = [partial(two_layers, intents, embedder, 0)]
    for head, words in ((False, "similarity"), (True, "head")):
        made[f"10 examples, {words}"] = [
            partial(flat, intents, embedder, TEN, seed=seed, head=head) for seed in range(SEEDS)
        ]
    if layered:
        made["10 examples, head, two layers"] = [
            partial(two_layers, intents, embedder, TEN, head=True)
        ]
    for head, words in ((False, "similarity"), (True, "head")):
        made[f"all examples, {words}"] = [partial(flat, intents, embedder, None, head=head)]
    return {
        name: parts.kept(f"{intents.name} {name}", partial(_averaged, intents, embedder, draws))
        for name, draws in made.items()
    }


def _averaged(
    intents: Intents, embedder: Embedder, draws: list[Callable[[], Method]]
) -> dict[str, Any]:
    return _mean([accuracy(intents, embedder, made()) for made in draws])


def _mean(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over draws; the curve of the first."""
    numbers = [key for key in results[0] if key != "curve"]
    means = {key: float(np.mean([one[key] for one in results])) for key in numbers}
    return means | {"draws": len(results), "curve": results[0].get("curve")}


def _semantic_router(
    python: Path, intents: Intents, embedder: Embedder, parts: _Parts
) -> dict[str, Any]:
    """Its figures with ten examples a route, over SEEDS draws, the same as ours."""
    from .semantic_router import semantic_router_accuracy

    def drawn() -> dict[str, Any]:
        return _mean(
            [
                semantic_router_accuracy(python, intents, embedder, TEN, seed=seed)
                for seed in range(SEEDS)
            ]
        )

    name = f"{TEN} examples"
    return {name: parts.kept(f"semantic-router {intents.name} {name}", drawn)}


def _growth(
    clinc: Intents, banking: Intents, embedder: Embedder, parts: _Parts
) -> Mapping[str, Any]:
    """Catalogues of names alone, and of intents with TEN examples; CLINC's requests."""
    result: dict[str, Any] = {}
    for examples in (0, TEN):
        result |= _grown(clinc, banking, embedder, parts, examples)
    return result


def _grown(
    clinc: Intents, banking: Intents, embedder: Embedder, parts: _Parts, examples: int
) -> dict[str, Any]:
    intents = banking.agents(examples, 0)
    more = [replace(one, name=f"bank_{one.name}", prefix="bank_") for one in intents]
    everyone = [*clinc.agents(examples, 0), *more, *made_agents(SIZES[-1])]
    result = {}
    for size in SIZES:
        agents = everyone[:size]
        names = {agent.name for agent in agents}
        asked = [row for row in clinc.test if row[1] in names]
        step = max(1, len(asked) // TIMED)
        name = f"growth {size}, {examples} examples"
        result[name] = parts.kept(
            name,
            partial(timed_catalogue, agents, embedder, asked[::step]),
        )
    return result
