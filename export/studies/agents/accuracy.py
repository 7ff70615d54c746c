"""Accuracy in scope and recall out of scope; every threshold is chosen on dev requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.catalog.embedding import Embedder
from edge_router.agents.ranking.abstention import FALSE_ALARMS, Abstention
from edge_router.agents.ranking.head import AgentHead
from edge_router.agents.ranking.scorer import AgentScorer, EmbeddedQuery, Ranking
from edge_router.agents.router import AgentRouter

from .intents import Intents

__all__ = ["Method", "accuracy", "flat", "two_layers"]

SHORTLIST = 5
TOP_CATEGORIES = 3
CURVE = 101

Method = Callable[[str, Any], Ranking]
"""The ranking for a text with its embedding."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Confidences (requests,), whether the first agent and one of the first five are right."""

    confidence: Any
    right: Any
    listed: Any


def flat(intents: Intents, embedder: Embedder, examples: int | None, *, seed: int = 0,
         head: bool = False) -> Method:  # fmt: skip
    """Similarity to all agents at once, or a fitted head."""
    view = AgentCatalog(embedder, intents.agents(examples, seed)).view()
    scorer = AgentScorer(view, AgentHead.fit(view) if head else None)
    return lambda text, vector: scorer.rank(EmbeddedQuery.of(text, vector), most=SHORTLIST)


def two_layers(
    intents: Intents, embedder: Embedder, examples: int | None, *, seed: int = 0, head: bool = False
) -> Method:
    """The TOP_CATEGORIES nearest domains first, then the agents in them."""
    catalog = AgentCatalog(embedder, intents.agents(examples, seed))
    router = AgentRouter(catalog)
    scorer = AgentScorer(catalog.view(), AgentHead.fit(catalog.view()) if head else None)
    categories = router.categories()

    def ranked(text: str, vector: Any) -> Ranking:
        top = categories.top(vector, TOP_CATEGORIES)
        rows = sorted(scorer.place[name] for one in top for name in one.members)
        return scorer.rank(EmbeddedQuery.of(text, vector), most=SHORTLIST, among=rows)

    return ranked


def accuracy(intents: Intents, embedder: Embedder, method: Method) -> dict[str, Any]:
    """Figures on the test split, with the threshold that keeps FALSE_ALARMS on dev."""
    dev, test = (_judged(part, embedder, method) for part in (intents.dev, intents.test))
    facts: dict[str, Any] = {"accuracy": _mean(test.right), "recall_at_5": _mean(test.listed)}
    if not intents.out_of_scope_test:
        return facts
    outside_dev, outside = (
        _judged([(text, "") for text in part], embedder, method).confidence
        for part in (intents.out_of_scope_dev, intents.out_of_scope_test)
    )
    threshold = Abstention.fit(dev.confidence, outside_dev, false_alarms=FALSE_ALARMS).threshold
    kept = test.confidence >= threshold
    return facts | {
        "threshold": threshold,
        "in_scope": _mean(test.right & kept),
        "false_alarms": _mean(~kept),
        "out_of_scope_recall": _mean(outside < threshold),
        "auroc": _auroc(test.confidence, outside),
        "curve": _curve(test, outside),
    }


def _judged(part: Sequence[tuple[str, str]], embedder: Embedder, method: Method) -> Judged:
    vectors = embedder.embed([text for text, _ in part])
    ranked = [method(text, vector) for (text, _), vector in zip(part, vectors, strict=True)]
    names = [name for _, name in part]
    return Judged(
        np.array([one.confidence for one in ranked]),
        np.array([one.best == name for one, name in zip(ranked, names, strict=True)]),
        np.array([name in one.names for one, name in zip(ranked, names, strict=True)]),
    )


def _mean(flags: Any) -> float:
    return float(np.mean(flags))


def _auroc(inside: Any, outside: Any) -> float:
    order = np.searchsorted(np.sort(outside), inside)
    return float(order.mean() / len(outside))


def _curve(test: Judged, outside: Any) -> Mapping[str, list[float]]:
    """In-scope accuracy over out-of-scope recall, at thresholds between the least and the most."""
    both = np.concatenate([test.confidence, outside])
    thresholds = np.quantile(both, np.linspace(0, 1, CURVE))
    return {
        "in_scope": [_mean(test.right & (test.confidence >= one)) for one in thresholds],
        "out_of_scope_recall": [_mean(outside < one) for one in thresholds],
    }
