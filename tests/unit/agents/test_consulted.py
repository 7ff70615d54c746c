"""An expert that chooses agents is bound by the client's budget, limits and privacy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_router import ChatRequest, Config, Constraints, EdgeRouter
from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.choosing.chooser import SchemaChooser
from edge_router.agents.consulted import ConsultedExpert
from edge_router.agents.router import AgentRouter
from edge_router.backends.base import asks_network
from edge_router.backends.deadline import Deadline
from edge_router.errors import BackendUnavailable, NoExpertFits
from edge_router.testing import FakeBackend
from made_agents import TIMER, WEATHER, WordEmbedder
from made_experts import CLOUD

ASKED = ChatRequest.of("Which agent is ann@x.org to ask?")


def consulted(folder: Path, far: FakeBackend, **settings: Any) -> ConsultedExpert:
    config = Config(experts={"cloud": CLOUD}, data_dir=str(folder), **settings)
    return ConsultedExpert(EdgeRouter(config, backends={"cloud": far}), "cloud")


def test_its_answer_is_booked(tmp_path: Path) -> None:
    """In the ledger that all processes share, until nothing is left."""
    far = FakeBackend("weather")
    expert = consulted(tmp_path, far, budget={"usd_per_day": 0.002})
    assert expert.complete(ASKED, deadline=Deadline.after(5)).text == "weather"
    refused: list[NoExpertFits] = []
    for _ in range(20):
        try:
            expert.complete(ASKED, deadline=Deadline.after(5))
        except NoExpertFits as error:
            refused.append(error)
    assert len(far.requests) + len(refused) == 21
    assert "budget" in str(refused[0])
    expert.close()


@pytest.mark.parametrize(
    "settings",
    [{"privacy": {"cloud": "never"}}, {"placement": "only_on_device"}, {"offline": True}],
)
def test_it_is_not_asked_where_the_settings_forbid(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """And no other expert is in its place."""
    far = FakeBackend("weather")
    expert = consulted(tmp_path, far, **settings)
    assert asks_network(expert)
    with pytest.raises(NoExpertFits):
        expert.complete(ASKED, deadline=Deadline.after(5))
    assert far.requests == []
    expert.close()


def test_its_failure_is_its_own(tmp_path: Path) -> None:
    """As of a backend that is asked directly; streamed it comes in one piece."""
    expert = consulted(tmp_path, FakeBackend(error=BackendUnavailable("down")))
    with pytest.raises(BackendUnavailable, match="down"):
        expert.complete(ASKED, deadline=Deadline.after(5))
    expert.close()
    expert = consulted(tmp_path, FakeBackend("a b"))
    assert [one.delta for one in expert.stream(ASKED, deadline=Deadline.after(5))] == ["a b"]
    expert.close()


def test_the_limits_of_one_request_bind_who_chooses(tmp_path: Path) -> None:
    """A caller without money has nobody asked, and what was asked is booked for the caller."""
    far = FakeBackend('{"name": "weather"}')
    config = Config(
        experts={"cloud": CLOUD},
        data_dir=str(tmp_path),
        budget={"callers": {"*": {"usd_per_day": 1.0}}},
    )
    with EdgeRouter(config, backends={"cloud": far}) as client:
        chooser = SchemaChooser(ConsultedExpert(client, "cloud"))
        agents = AgentRouter(AgentCatalog(WordEmbedder(), [WEATHER, TIMER]), chooser=chooser)
        with pytest.raises(NoExpertFits, match="cost"):
            client.dispatch("rain", agents=agents, constraints=Constraints(max_cost_usd=0.0))
        assert far.requests == []
        client.dispatch("rain", agents=agents, constraints=Constraints(caller="ann"))
        assert len(far.requests) == 1
        left = client.constraints("ann").budget_left_usd
        assert left is not None
        assert left < 1.0
        assert client.constraints("bob").budget_left_usd == 1.0
