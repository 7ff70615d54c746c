"""The field's routers by name, each built afresh; importing this imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType

from ..data.rows import BadData
from .base import ResearchRouter

__all__ = ["ROUTERS", "make_router"]

PLACES = {
    "Random": ("rules.uninformed", "RandomRouter"),
    "Zero": ("rules.uninformed", "ZeroRouter"),
    "1NN": ("lookups.neighbours", "NearestNeighbour"),
    "MLP": ("networks.bag_of_words", "BagOfWordsMLP"),
    "BERT": ("networks.fine_tuned", "BertRouter"),
    "LinearR": ("rules.linear", "LinearR"),
    "MLPR": ("networks.perceptron", "MLPR"),
    "C-RoBERTa": ("lookups.clusters", "ClusterRouter"),
    "MLC": ("networks.perceptron", "MLC"),
    "PRknn": ("lookups.neighbours", "PRknn"),
    "SFT": ("networks.fine_tuned", "SFT"),
    "Contrastive": ("networks.contrastive", "Contrastive"),
    "MoMA": ("networks.moma", "MoMA"),
    "Elo": ("lookups.elo", "EloRouter"),
    "MF": ("networks.matrix_factorization", "MF"),
    "SW": ("lookups.similarity_weighted", "SWRanking"),
    "prompt length": ("rules.heuristics", "PromptLength"),
    "complexity heuristic": ("rules.heuristics", "ComplexityHeuristic"),
    "task only": ("rules.heuristics", "TaskOnly"),
    "weak-is-wrong": ("rules.linear", "WeakIsWrong"),
    "Ridge gain": ("rules.linear", "RidgeGain"),
}


def _build(module: str, router: str) -> ResearchRouter:
    made: ResearchRouter = getattr(import_module(f".{module}", __name__), router)()
    return made


ROUTERS: Mapping[str, Callable[[], ResearchRouter]] = MappingProxyType(
    {name: partial(_build, *place) for name, place in PLACES.items()}
)


def make_router(name: str) -> ResearchRouter:
    """A new router of ROUTERS. Raises BadData for a name that is not there."""
    if name not in ROUTERS:
        raise BadData(f"no router is called {name!r}; known are {', '.join(ROUTERS)}")
    return ROUTERS[name]()
