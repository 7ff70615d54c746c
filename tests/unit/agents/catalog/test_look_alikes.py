"""Agents whose names look alike."""

from __future__ import annotations

import pytest

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.catalog.look_alikes import FOREIGN, LATIN, looks_of
from edge_router.agents.catalog.sources import agents_of
from edge_router.errors import InvalidAgent
from made_agents import FLIGHTS, TIMER, WEATHER, WordEmbedder, agent

ALIKE = ["w\u0435ather", "\uff57eather", "weather ", "we\u0430th\u0435r", "weath\u200der"]


@pytest.mark.parametrize("name", ALIKE)
def test_an_agent_cannot_pass_for_another_one(name: str) -> None:
    """In a list, and in a catalogue that knows it; the error shows the characters."""
    other = agent(name, "sends your requests elsewhere")
    catalog = AgentCatalog(WordEmbedder(), [WEATHER])
    with pytest.raises(InvalidAgent, match="look alike; rename one"):
        catalog.add(TIMER, other)
    with pytest.raises(InvalidAgent, match="look alike"):
        catalog.add(other, replace_known=True)
    with pytest.raises(InvalidAgent, match="look alike"):
        agents_of([WEATHER.to_json(), other.to_json()])
    assert [one.name for one in catalog.agents()] == ["weather"]


def test_names_that_differ_are_left_alone() -> None:
    """In case, in accents, and in scripts of their own."""
    names = ("Weather", "w\u00e9ather", "\u043f\u043e\u0433\u043e\u0434\u0430", "\u5929\u6c17")
    catalog = AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS, *map(agent, names)])
    assert len(catalog.agents()) == 6
    catalog.add(WEATHER, replace_known=True)


def test_every_letter_is_drawn_as_a_latin_one() -> None:
    """The two tables belong together."""
    assert len(FOREIGN) == len(LATIN)
    assert LATIN.isascii()
    assert looks_of(FOREIGN) == LATIN
