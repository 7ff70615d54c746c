"""Costs of 100 to 10,000 agents, where new agents are placed, and what a semantic cache hits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_router.agents.catalog.agent import Agent
from edge_router.agents.catalog.catalog import AgentCatalog, CatalogView
from edge_router.agents.catalog.embedding import Embedder
from edge_router.agents.choosing.prompt import choice_request
from edge_router.agents.ranking.categories import Categories
from edge_router.agents.ranking.scorer import AgentScorer, EmbeddedQuery
from edge_router.agents.ranking.shortlist import shortlist
from edge_router.chat.completion import estimated_tokens
from edge_router.learning.calibration.wrong_hits import semantic_threshold
from edge_router.routing.arrays import Float32s

from .intents import Intents

__all__ = ["cache_hits", "placement", "timed_catalogue"]

TIMED = 200  # requests
FOLDS = 5
WRONG_HITS = 0.05
TOP_CATEGORIES = 3


def timed_catalogue(
    agents: Sequence[Agent], embedder: Embedder, requests: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Milliseconds per decision beside the encoder's pass, recall of the shortlist of five, and
    tokens of the prompt with the shortlist and with all agents (characters / 4)."""
    view = AgentCatalog(embedder, agents).view()
    scorer = AgentScorer(view)
    categories = Categories.of(view.agents, view.spoken)
    rows_of = categories.rows(scorer.place)
    vectors = embedder.embed([text for text, _ in requests])
    flat, layered, listed, tokens = [], [], [], []
    for (text, name), vector in zip(requests, vectors, strict=True):
        started = time.perf_counter()
        few = shortlist(scorer, EmbeddedQuery.of(text, vector))
        flat.append(time.perf_counter() - started)
        started = time.perf_counter()
        top = categories.top(vector, TOP_CATEGORIES)
        rows = np.unique(np.concatenate([rows_of[one.name] for one in top]))
        shortlist(scorer, EmbeddedQuery.of(text, vector), among=rows)
        layered.append(time.perf_counter() - started)
        listed.append(name in few.names)
        chosen = [view.agents[scorer.place[one]] for one in few.names]
        tokens.append(estimated_tokens(choice_request(chosen, text).characters))
    everyone = estimated_tokens(choice_request(view.agents, requests[0][0]).characters)
    return {
        "agents": len(agents),
        "flat_ms": float(np.median(flat)) * 1e3,
        "two_layers_ms": float(np.median(layered)) * 1e3,
        "examples": len(view.examples),
        "recall_at_5": float(np.mean(listed)),
        "shortlist_tokens": float(np.mean(tokens)),
        "all_tokens": everyone,
    }


def placement(intents: Intents, embedder: Embedder, examples: int) -> dict[str, float]:
    """Whether held-back agents reach their domain: each fold is placed among the other four."""
    view = AgentCatalog(embedder, intents.agents(examples, 0)).view()
    vectors = AgentScorer(view).centroids
    fold = np.random.default_rng(0).permutation(len(view.agents)) % FOLDS
    nearest, inside, count = [], [], []
    for held in range(FOLDS):
        rows = np.flatnonzero(fold != held)
        categories = Categories.of([view.agents[row] for row in rows], vectors[rows])
        for row in np.flatnonzero(fold == held):
            names = _placed(categories, view, vectors, int(row))
            domain = view.agents[row].category
            nearest.append(categories.top(vectors[row], 1)[0].name == domain)
            inside.append(domain in names)
            count.append(len(names))
    return {
        "nearest": float(np.mean(nearest)),
        "placed": float(np.mean(inside)),
        "categories": float(np.mean(count)),
    }


def _placed(
    categories: Categories, view: CatalogView, vectors: Float32s, row: int
) -> tuple[str, ...]:
    known = view.agents[row]
    unstated = Agent(known.name, known.description, examples=known.examples)
    return categories.placed(unstated, vectors[row]).of_agent(known.name)


def cache_hits(intents: Intents, embedder: Embedder, *, seed: int = 0) -> dict[str, float]:
    """Hits and wrong hits of a semantic cache on a stream of test requests that are all different.

    The threshold keeps WRONG_HITS on the stream of dev requests.
    """
    dev, test = (_stream(part, embedder, seed) for part in (intents.dev, intents.test))
    threshold = semantic_threshold(*dev, wrong=WRONG_HITS)
    cosines, same = np.array(test[0]), np.array(test[1])
    hits = cosines >= threshold
    return {
        "threshold": threshold,
        "requests": len(cosines),
        "hit_rate": float(hits.mean()),
        "wrong_hit_rate": float((~same)[hits].mean()) if hits.any() else 0.0,
        "bound": WRONG_HITS,
    }


def _stream(
    part: Sequence[tuple[str, str]], embedder: Embedder, seed: int
) -> tuple[list[float], list[bool]]:
    """Of each request after the first: the cosine with the nearest earlier one, and whether both
    mean the same."""
    order = np.random.default_rng(seed).permutation(len(part))
    vectors = embedder.embed([part[row][0] for row in order])
    names = [part[row][1] for row in order]
    cosines, same = [], []
    for row in range(1, len(vectors)):
        earlier = vectors[:row] @ vectors[row]
        best = int(earlier.argmax())
        cosines.append(float(earlier[best]))
        same.append(names[best] == names[row])
    return cosines, same
