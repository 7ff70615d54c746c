"""Similarity, the fitted head, and abstention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.ranking.abstention import Abstention
from edge_router.agents.ranking.head import AgentHead
from edge_router.agents.ranking.scorer import AgentScorer, EmbeddedQuery
from edge_router.agents.ranking.word_sketch import DIM, sketches
from edge_router.errors import EmptyCatalog, InvalidAgent
from made_agents import FLIGHTS, TIMER, WEATHER, WordEmbedder, agent

ALL = (WEATHER, FLIGHTS, TIMER)
MANY = (
    agent("red", "", "red one", "red two", "deep red", "red wine"),
    agent("blue", "", "blue one", "blue two", "deep blue", "blue sea"),
)


def query(text: str) -> EmbeddedQuery:
    return EmbeddedQuery.of(text, WordEmbedder().embed([text])[0])


def test_the_nearest_agent_is_first() -> None:
    """By description and by example, with every agent ranked once."""
    scorer = AgentScorer(AgentCatalog(WordEmbedder(), ALL).view())
    for text, name in (("rain forecast", "weather"), ("a plane to Rome", "book_flight")):
        ranking = scorer.rank(query(text))
        assert ranking.best == name
        assert sorted(ranking.names) == ["book_flight", "timer", "weather"]
        assert list(ranking.scores) == sorted(ranking.scores, reverse=True)
        assert sum(ranking.probabilities()) == pytest.approx(1)


def test_an_example_makes_an_agent_nearer() -> None:
    """Few-shot examples join the description."""
    text = "shall I take an umbrella"
    bare = AgentScorer(AgentCatalog(WordEmbedder(), ALL).view())
    shown = replace(WEATHER, examples=(*WEATHER.examples, "take an umbrella"))
    taught = AgentScorer(AgentCatalog(WordEmbedder(), [shown, FLIGHTS, TIMER]).view())
    assert taught.rank(query(text)).best == "weather"
    assert taught.rank(query(text)).confidence > bare.rank(query(text)).confidence


def test_only_the_agents_asked_for_are_ranked() -> None:
    """A row that is not among them has no chance."""
    scorer = AgentScorer(AgentCatalog(WordEmbedder(), ALL).view())
    ranking = scorer.rank(query("rain forecast"), among=[1, 2])
    assert set(ranking.names) == {"book_flight", "timer"}
    assert scorer.rank(query("rain"), most=1).names == ("weather",)


def test_nothing_to_rank_is_a_typed_error() -> None:
    """An empty catalogue has no scorer."""
    with pytest.raises(EmptyCatalog):
        AgentScorer(AgentCatalog(WordEmbedder()).view())


def test_more_agents_than_are_reranked() -> None:
    """With hundreds, the one that is named still comes first."""
    agents = [agent(f"agent{n}", f"word{n} thing") for n in range(200)]
    scorer = AgentScorer(AgentCatalog(WordEmbedder(), agents).view())
    assert scorer.rank(query("word137 thing")).best == "agent137"


def test_a_head_learns_from_examples() -> None:
    """It is right on its examples, and an agent without examples still competes."""
    catalog = AgentCatalog(WordEmbedder(), MANY)
    head = AgentHead.fit(catalog.view())
    assert head is not None
    assert head.names == ("red", "blue")
    scorer = AgentScorer(catalog.view(), head)
    assert [scorer.rank(query(text)).best for text in ("red three", "a blue one")] == [
        "red",
        "blue",
    ]
    catalog.add(agent("green", "green leaves"))
    assert AgentScorer(catalog.view(), head).rank(query("green leaves")).best == "green"
    catalog.disable("red")
    assert AgentScorer(catalog.view(), head).rank(query("red three")).best != "red"


def test_without_examples_there_is_no_head() -> None:
    """Two agents with enough examples are the least."""
    assert AgentHead.fit(AgentCatalog(WordEmbedder(), [*ALL, MANY[0]]).view()) is None


@given(st.text(max_size=80))
def test_a_sketch_is_finite_for_any_text(text: str) -> None:
    """Also without letters, and half of a surrogate pair."""
    (row,) = sketches([text + "\ud800"])
    assert row.shape == (DIM,)
    assert np.isfinite(row).all()


def test_sketches_estimate_shared_words() -> None:
    """Texts with the same words are near, those without any shared n-gram are not."""
    one, other, foreign = sketches(["book a flight", "a flight book", "xyzzy qwk"])
    assert one @ other > 0.6 * (one @ one)
    assert abs(one @ foreign) < 0.2 * (one @ one)


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=40, max_size=200), st.floats(0.03, 0.5))
def test_no_more_false_alarms_than_stated(confidences: list[float], share: float) -> None:
    """On the requests themselves the share is kept."""
    abstention = Abstention.fit(confidences, false_alarms=share)
    assert sum(map(abstention.abstains, confidences)) <= share * len(confidences)


def test_a_curve_needs_requests_out_of_scope() -> None:
    """With them, a probability that rises with the confidence; it survives JSON."""
    inside, outside = np.linspace(0, 3, 100), np.linspace(-3, 0.5, 50)
    abstention = Abstention.fit(inside.tolist(), outside.tolist())
    low, high = abstention.probability(-1), abstention.probability(2)
    assert low is not None
    assert high is not None
    assert low < 0.1
    assert high > 0.9
    assert Abstention.from_json(abstention.to_json()) == abstention
    assert Abstention.fit(inside.tolist()).probability(1.0) is None


def test_too_few_requests_are_refused() -> None:
    """20 of them cannot keep 1 %."""
    with pytest.raises(InvalidAgent, match="give 100 or more"):
        Abstention.fit([1.0] * 20, false_alarms=0.01)
