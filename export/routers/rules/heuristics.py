"""Rules of thumb that gateways use in place of a trained router."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter

__all__ = ["ComplexityHeuristic", "PromptLength", "TaskOnly", "complexity"]


@dataclass(frozen=True, slots=True)
class _Sign:
    """Something in a text that makes it hard: `weight` for each occurrence, up to `most`."""

    pattern: re.Pattern[str]
    weight: float
    most: int

    def __call__(self, text: str) -> float:
        return self.weight * min(len(self.pattern.findall(text)), self.most)


def _sign(pattern: str, weight: float, most: int) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE), weight, most)


SIGNS = (
    _sign(r"\b(?:why|prove|proof|deriv\w+|explain|justify|reason\w*|step by step)\b", 2.0, 3),
    _sign(r"\b(?:analy[sz]\w+|compar\w+|evaluat\w+|design|optimi[sz]\w+|trade-?offs?)\b", 1.5, 3),
    _sign(r"\b(?:if|unless|assum\w+|suppose|given|therefore|such that|at least|at most)\b", 0.5, 4),
    _sign(r"```|\b(?:def|class|import|return|SELECT|function|algorithm)\b|[{};]\s*$", 1.0, 4),
    _sign(r"[=<>^±×÷∑∫√≤≥∈π]|\\[a-z]+|\d\s*[-+*/%]\s*\d", 0.5, 8),
    _sign(r"\d+(?:\.\d+)?", 0.2, 10),
    _sign(r"\?|^\s*(?:\d+[.)]|[-*•])\s", 0.5, 6),
    _sign(r"\b(?:hi|hello|hey|thanks|thank you|please)\b", -1.0, 1),
)
SHORT = 64


def complexity(text: str, characters: int) -> float:
    """How hard a text looks: its signs, and a point for each doubling of SHORT characters."""
    length = float(np.log2(max(characters, SHORT) / SHORT))
    return length + sum(sign(text) for sign in SIGNS)


class _ByRank(ResearchRouter):
    """The harder a query looks, the stronger its expert; the median training query is neutral."""

    _middle: float
    _spread: float
    _ranks: Float64s

    def fit(self, train: Pool, *, seed: int) -> None:  # noqa: ARG002 - nothing is random
        hardness = self._hardness(train.queries)
        self._middle, self._spread = float(np.median(hardness)), float(hardness.std()) or 1.0
        self._ranks = np.arange(len(train.experts), dtype=np.float64)

    def utilities(self, queries: Queries) -> Float64s:
        above = (self._hardness(queries) - self._middle) / self._spread  # (queries,)
        return np.outer(above, self._ranks)

    def _hardness(self, queries: Queries) -> Float64s:
        raise NotImplementedError


class PromptLength(_ByRank):
    """The longest prompts to the strongest expert."""

    name = "prompt length"
    source = "gateways' rule of thumb"

    def _hardness(self, queries: Queries) -> Float64s:
        return queries.characters.astype(np.float64)


class ComplexityHeuristic(_ByRank):
    """Prompts with signs of reasoning, code, mathematics or several parts to the strongest."""

    name = "complexity heuristic"
    source = "gateways' rule of thumb"

    def _hardness(self, queries: Queries) -> Float64s:
        sized_texts = zip(queries.texts, queries.characters.tolist(), strict=True)
        return np.array([complexity(text, characters) for text, characters in sized_texts])


class TaskOnly(ResearchRouter):
    """Each expert's mean training score on the query's kind of task; overall on unseen kinds."""

    name = "task only"
    source = "what a router must beat to know more than the task"

    _means: dict[str, Float64s]
    _overall: Float64s

    def fit(self, train: Pool, *, seed: int) -> None:  # noqa: ARG002 - nothing is random
        kinds = train.queries.kinds
        self._overall = train.scores.mean(axis=0)
        self._means = {
            str(kind): train.scores[kinds == kind].mean(axis=0) for kind in np.unique(kinds)
        }

    def utilities(self, queries: Queries) -> Float64s:
        kinds = queries.kinds.tolist()
        return np.array([self._means.get(kind, self._overall) for kind in kinds])
