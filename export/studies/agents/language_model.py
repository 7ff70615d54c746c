"""SmolLM2 choosing among the shortlist under the mask, beside similarity's own first choice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_router.agents.catalog.agent import NONE
from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.catalog.embedding import Embedder
from edge_router.agents.choosing.chooser import MaskedChooser
from edge_router.agents.choosing.prompt import choice_request
from edge_router.agents.ranking.scorer import AgentScorer, EmbeddedQuery
from edge_router.agents.ranking.shortlist import shortlist
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend

from .intents import Intents

__all__ = ["language_model_choices"]

MODEL = "smollm2-135m"
DEV, TEST, WITH_ALL = 20, 60, 2  # requests
WAIT_S = 120.0
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the model's log-probability beside the scores
SMALLEST = 1e-6


def language_model_choices(intents: Intents, embedder: Embedder, examples: int) -> dict[str, Any]:
    """Accuracy of each on TEST requests in scope; the weight of both together is chosen on DEV.

    "invalid" counts choices that are no candidate's name.
    """
    view = AgentCatalog(embedder, intents.agents(examples, 0)).view()
    scorer = AgentScorer(view)
    backend = LlamaCppBackend(MODEL, n_ctx=8192, n_threads=1)
    try:
        dev = _asked(backend, scorer, embedder, _some(intents.dev, DEV))
        test = _asked(backend, scorer, embedder, _some(intents.test, TEST))
        weight = max(WEIGHTS, key=lambda one: (_right(dev, one), -one))
        few = [request for _, _, request in test["requests"]]
        return {
            "requests": len(few),
            "in_shortlist": float(np.mean(test["listed"])),
            "similarity": _right(test, 0.0),
            "language_model": float(np.mean(test["chosen"])),
            "weight": weight,
            "together": _right(test, weight),
            "invalid": test["invalid"],
            "tokens": float(np.mean([backend.count_tokens(_text(one)) or 0 for one in few])),
            "seconds": float(np.median(test["seconds"])),
            **_with_all(backend, scorer, intents),
        }
    finally:
        backend.close()


def _some(part: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    order = np.random.default_rng(0).permutation(len(part))[:count]
    return [part[row] for row in order]


def _asked(
    backend: LlamaCppBackend,
    scorer: AgentScorer,
    embedder: Embedder,
    part: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Scores and probabilities of the five candidates for each request."""
    chooser = MaskedChooser(backend)
    result: dict[str, Any] = {"requests": [], "listed": [], "chosen": [], "seconds": []}
    result["invalid"] = 0
    vectors = embedder.embed([text for text, _ in part])
    for (text, name), vector in zip(part, vectors, strict=True):
        few = shortlist(scorer, EmbeddedQuery.of(text, vector))
        agents = [scorer.view.agents[scorer.place[one]] for one in few.names]
        started = time.perf_counter()
        backend.choose(choice_request(agents, text), few.choices, deadline=Deadline.after(WAIT_S))
        result["seconds"].append(time.perf_counter() - started)
        choice = chooser.choose(agents, text, deadline=Deadline.after(WAIT_S))
        result["invalid"] += choice.name not in few.choices
        named = {one: share for one, share in choice.probabilities.items() if one != NONE}
        result["chosen"].append(max(named, key=lambda one: named[one]) == name)
        result["listed"].append(name in few.names)
        scored = dict(zip(few.ranking.names, few.ranking.scores, strict=True))
        result["requests"].append((name, (scored, named), choice_request(agents, text)))
    return result


def _right(asked: dict[str, Any], weight: float) -> float:
    right = []
    for name, (scored, named), _ in asked["requests"]:
        both = {one: s + weight * np.log(max(named[one], SMALLEST)) for one, s in scored.items()}
        right.append(max(both, key=lambda one: both[one]) == name)
    return float(np.mean(right))


def _with_all(backend: LlamaCppBackend, scorer: AgentScorer, intents: Intents) -> dict[str, float]:
    """The same with every agent in the prompt: tokens, and seconds with an empty cache."""
    names = (*scorer.view.names, NONE)
    seconds, tokens = [], 0
    for text, _ in _some(intents.test, WITH_ALL):
        backend.choose(choice_request([], text), ("a", "b"), deadline=Deadline.after(WAIT_S))
        request = choice_request(scorer.view.agents, text)
        tokens = backend.count_tokens(_text(request)) or 0
        started = time.perf_counter()
        backend.choose(request, names, deadline=Deadline.after(WAIT_S))
        seconds.append(time.perf_counter() - started)
    return {"all_tokens": tokens, "all_seconds": float(np.median(seconds))}


def _text(request: Any) -> str:
    return "\n".join(message.content for message in request.messages)
