"""The field's routers by name, each built afresh; importing this imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

from ..data.rows import BadData
from .base import DEFAULT, FineTuning, ResearchRouter

__all__ = ["DEFAULT", "ROUTERS", "FineTuning", "make_router", "uses"]

PLACES = {
    "Random": ("rules.uninformed", "RandomRouter"),
    "Zero": ("rules.uninformed", "ZeroRouter"),
    "1NN": ("lookups.neighbours", "NearestNeighbour"),
    "MLP": ("networks.bag_of_words", "BagOfWordsMLP"),
    "BERT": ("networks.fine_tuned", "BertRouter"),
    "LinearR": ("networks.perceptron", "LinearR"),
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


WITH_ENCODER = {  # what stands in for a router where an encoder to train is at hand
    "MLC": ("networks.fine_tuned", "FineTunedMLC"),
}
FINE_TUNED = ("BERT", "SFT")


def uses(name: str, tuning: FineTuning) -> bool:
    """Whether `tuning` makes a difference to the router called `name`."""
    return name in FINE_TUNED or (
        tuning.encoder is not None and name in (*WITH_ENCODER, "C-RoBERTa")
    )


def make_router(name: str, tuning: FineTuning = DEFAULT) -> ResearchRouter:
    """A new router of ROUTERS, with an encoder as `tuning` says where it trains or reads one.

    Raises BadData for a name that is not there and for a folder that holds no encoder.
    """
    if name not in ROUTERS:
        raise BadData(f"no router is called {name!r}; known are {', '.join(ROUTERS)}")
    if not uses(name, tuning):
        return ROUTERS[name]()
    if name == "C-RoBERTa":
        return cast("ResearchRouter", _kind(name)(tuning.encoder))
    kind = _kind(name, whole=tuning.encoder is not None)
    made = kind(tuning.encoder, epochs=tuning.epochs, max_rows=tuning.max_rows)
    return cast("ResearchRouter", made)


def _kind(name: str, *, whole: bool = False) -> Any:
    """The class of a router; where it trains the `whole` encoder, that of the router that does."""
    module, router = WITH_ENCODER.get(name, PLACES[name]) if whole else PLACES[name]
    return getattr(import_module(f".{module}", __name__), router)


def _plain(name: str) -> ResearchRouter:
    return cast("ResearchRouter", _kind(name)())


ROUTERS: Mapping[str, Callable[[], ResearchRouter]] = MappingProxyType(
    {name: partial(_plain, name) for name in PLACES}
)
