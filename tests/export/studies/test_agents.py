"""The study of agents, on a small set of made intents."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from edge_router.export.studies.agents.accuracy import accuracy, flat, two_layers
from edge_router.export.studies.agents.growth import cache_hits, placement, timed_catalogue
from edge_router.export.studies.agents.intents import Intents, made_agents
from edge_router.export.studies.agents.other_heads import other_heads
from edge_router.export.studies.agents.report import agents_markdown, agents_plot
from edge_router.export.studies.agents.semantic_router import semantic_router_accuracy
from made_agents import WordEmbedder

DOMAINS = {
    f"{subject}_{thing}": subject
    for subject in ("money", "food", "travel")
    for thing in ("red", "green", "blue", "white")
}
NUMBERS = range(12)


def _requests(extra: str) -> tuple[tuple[str, str], ...]:
    """A dozen requests of each intent, which name it beside a word of their own."""
    return tuple(
        (f"{name.replace('_', ' ')} please {extra}{number}", name)
        for name in DOMAINS
        for number in NUMBERS
    )


OUTSIDE = tuple(f"quantum lecture nobody{number} asked" for number in range(40))
INTENTS = Intents("made", DOMAINS, _requests("a"), _requests("b"), _requests("c"), OUTSIDE, OUTSIDE)
EMBEDDER = WordEmbedder()


@pytest.mark.parametrize("examples", [0, 10])
def test_requests_that_name_their_intent_reach_it(examples: int) -> None:
    """Flat and in two layers, with and without a head; what is out of scope is turned away."""
    methods = [flat(INTENTS, EMBEDDER, examples), two_layers(INTENTS, EMBEDDER, examples)]
    if examples:
        methods.append(flat(INTENTS, EMBEDDER, examples, head=True))
    for method in methods:
        facts = accuracy(INTENTS, EMBEDDER, method)
        assert facts["accuracy"] > 0.9
        assert facts["out_of_scope_recall"] > 0.9
        assert facts["in_scope"] <= facts["accuracy"]
        curve = facts["curve"]
        assert (curve["in_scope"][0], curve["out_of_scope_recall"][0]) == (facts["accuracy"], 0.0)


def test_examples_are_drawn_from_the_train_split() -> None:
    """So many of each intent, others for another seed, all for None."""
    agents = INTENTS.agents(5, seed=0)
    train = {text for text, _ in INTENTS.train}
    assert all(len(one.examples) == 5 and set(one.examples) <= train for one in agents)
    assert agents != INTENTS.agents(5, seed=1)
    assert len(INTENTS.agents(None, seed=0)[0].examples) == len(NUMBERS)


def test_other_heads_are_judged_on_dev_requests() -> None:
    """The shipped one among them is the one that `flat` fits."""
    accuracies = other_heads(INTENTS, EMBEDDER, 10, draws=1)
    ranked = flat(INTENTS, EMBEDDER, 10, head=True)
    vectors = EMBEDDER.embed([text for text, _ in INTENTS.dev])
    right = [
        ranked(text, vector).best == name
        for (text, name), vector in zip(INTENTS.dev, vectors, strict=True)
    ]
    assert accuracies["shipped"] == pytest.approx(sum(right) / len(right))
    assert min(accuracies.values()) > 0.8


def test_the_report_has_every_figure() -> None:
    """Tables and plots of a study of the made intents."""
    pytest.importorskip("matplotlib", reason="the extra `export` is not installed")
    methods = {
        name: accuracy(INTENTS, EMBEDDER, flat(INTENTS, EMBEDDER, 0)) | {"draws": 1}
        for name in (
            "names only", "10 examples, similarity", "10 examples, head", "all examples, head"
        )
    }  # fmt: skip
    agents = [*INTENTS.agents(0, 0), *made_agents(20)]
    study = {
        "artifact": "0" * 64,
        "CLINC150": methods,
        "BANKING77": methods,
        "other_heads": {"CLINC150": {"shipped": 0.9}, "BANKING77": {"shipped": 0.8}},
        "growth": {
            str(size): timed_catalogue(agents[:size], EMBEDDER, INTENTS.test[:20])
            for size in (12, 32)
        },
        "placement": {"0": placement(INTENTS, EMBEDDER, 0)},
        "cache": cache_hits(INTENTS, EMBEDDER),
    }
    assert "semantic-router" not in agents_markdown(study)
    study["semantic_router"] = {"10 examples": methods["names only"] | {"ms": 0.25}}
    text = agents_markdown(study)
    assert re.search(r"\| names only \| \d+\.\d% \|", text)
    assert "| 32 |" in text
    assert "0.25 ms with 10 examples, the shipped encoder" in text
    assert agents_plot(study).startswith("<svg")
    assert study["placement"]["0"]["placed"] > 0.9


@pytest.mark.skipif(
    "SEMANTIC_ROUTER_PYTHON" not in os.environ,
    reason="SEMANTIC_ROUTER_PYTHON names no interpreter with semantic-router",
)
def test_semantic_router_is_asked_in_its_own_environment() -> None:
    """It gets the same examples and embeddings, and its scores come back as a ranking."""
    python = Path(os.environ["SEMANTIC_ROUTER_PYTHON"])
    facts = semantic_router_accuracy(python, INTENTS, EMBEDDER, 10)
    assert facts["accuracy"] > 0.9
    assert facts["out_of_scope_recall"] > 0.9
    assert facts["ms"] > 0


def test_made_agents_have_different_names() -> None:
    """Ten thousand of them."""
    assert len({one.name for one in made_agents(10_000)}) == 10_000
