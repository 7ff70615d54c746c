"""The tool shortlist."""

from __future__ import annotations

import pytest

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.ranking.scorer import AgentScorer, EmbeddedQuery
from edge_router.agents.ranking.shortlist import shortlist
from edge_router.agents.router import AgentRouter
from edge_router.errors import ConfigError
from made_agents import FLIGHTS, TIMER, WEATHER, WordEmbedder


def query(text: str) -> EmbeddedQuery:
    return EmbeddedQuery.of(text, WordEmbedder().embed([text])[0])


def test_the_order_is_that_of_the_catalogue() -> None:
    """Whichever fits best, so that a prompt begins alike."""
    scorer = AgentScorer(AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS, TIMER]).view())
    one = shortlist(scorer, query("flight ticket plane rain forecast"), size=2)
    assert one.choices == ("weather", "book_flight", "none")
    assert one.ranking.best == "book_flight"


def test_the_tools_of_a_request_are_filtered() -> None:
    """OpenAI's and MCP's shapes, as they were."""
    scorer = AgentScorer(AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS, TIMER]).view())
    tools = [{"type": "function", "function": {"name": "timer"}}, {"name": "weather"}, {"x": 1}]
    assert shortlist(scorer, query("rain"), size=1).tools(tools) == [{"name": "weather"}]


def test_a_list_longer_than_the_catalogue_has_all() -> None:
    """There is nothing to leave out."""
    scorer = AgentScorer(AgentCatalog(WordEmbedder(), [WEATHER]).view())
    assert shortlist(scorer, query("rain"), size=9).choices == ("weather", "none")


@pytest.mark.parametrize("size", [0, -1, "many", True])
def test_a_list_of_no_length_is_refused(size: int) -> None:
    """So is a router that would keep no candidate, or look in no category."""
    catalog = AgentCatalog(WordEmbedder(), [WEATHER])
    with pytest.raises(ConfigError, match=r"size is .*; it must be"):
        shortlist(AgentScorer(catalog.view()), query("rain"), size=size)
    with pytest.raises(ConfigError, match=r"candidates is .*; it must be"):
        AgentRouter(catalog, candidates=size)
    with pytest.raises(ConfigError, match=r"top_categories is .*; it must be"):
        AgentRouter(catalog, top_categories=size)
