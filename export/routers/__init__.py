"""The field's routers by name, each built afresh; importing this imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType

from ..rows import BadData
from .base import ResearchRouter

__all__ = ["ROUTERS", "make_router"]

PLACES = {
    "Random": ("uninformed", "RandomRouter"),
    "Zero": ("uninformed", "ZeroRouter"),
    "1NN": ("neighbours", "NearestNeighbour"),
    "MLP": ("bag_of_words", "BagOfWordsMLP"),
    "BERT": ("fine_tuned", "BertRouter"),
    "LinearR": ("linear", "LinearR"),
    "MLPR": ("perceptron", "MLPR"),
    "C-RoBERTa": ("clusters", "ClusterRouter"),
    "MLC": ("perceptron", "MLC"),
    "PRknn": ("neighbours", "PRknn"),
    "SFT": ("fine_tuned", "SFT"),
    "Contrastive": ("contrastive", "Contrastive"),
    "MoMA": ("moma", "MoMA"),
    "Elo": ("elo", "EloRouter"),
    "MF": ("matrix_factorization", "MF"),
    "SW": ("similarity_weighted", "SWRanking"),
    "prompt length": ("heuristics", "PromptLength"),
    "complexity heuristic": ("heuristics", "ComplexityHeuristic"),
    "task only": ("heuristics", "TaskOnly"),
    "weak-is-wrong": ("linear", "WeakIsWrong"),
    "Ridge gain": ("linear", "RidgeGain"),
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
