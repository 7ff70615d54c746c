"""/v1/agents/route: a server says which agent a request is for, and runs nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from command_line import run
from edge_router import Config, EdgeRouter, ExpertConfig
from edge_router.agents.catalog.agent import Agent
from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.cli.commands.answering.agent_router import catalog_of, served_agents
from edge_router.errors import BackendUnavailable
from edge_router.testing import FakeBackend
from made_experts import CLOUD
from serving import Served, fakes, serving

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}
AGENTS = (
    Agent("weather_forecast", "weather forecast of a city", examples=("will it rain in Rome",)),
    Agent("set_timer", "sets a timer of some minutes", examples=("wake me in ten minutes",)),
)
RAIN = "Will it rain in Lisbon tomorrow?"
STATES = """
[states.TRAVEL]
prefixes = ["travel_"]

[[rules]]
state = "TRAVEL"
event = "ticket_uploaded"
"""


@contextmanager
def routed(
    folder: Path,
    client: EdgeRouter | None = None,
    *,
    agents: tuple[Agent, ...] = AGENTS,
    **options: Any,
) -> Iterator[tuple[Served, AgentCatalog]]:
    """A server of agents, and their catalogue as another process opens it."""
    client = fakes(data_dir=str(folder)) if client is None else client
    with catalog_of(client.config, client.router) as others:
        others.add(*agents)
        with (
            served_agents(client, **options) as decides,
            serving(client, agents=decides) as running,
        ):
            yield running, others


def decision(running: Served, text: str = RAIN, **fields: Any) -> dict[str, Any]:
    reply = running.post("agents/route", {"input": text, **fields})
    assert reply.status_code == 200, reply.text
    said: dict[str, Any] = reply.json()
    assert said["object"] == "agent.decision"
    return said


def test_the_nearest_agent_or_none(tmp_path: Path) -> None:
    """With its reason in words; messages count as a text does."""
    with routed(tmp_path) as (running, _):
        assert decision(running)["agent"] == "weather_forecast"
        assert decision(running)["words"] == "nearest by embedding"
        turns = {"messages": [{"role": "user", "content": RAIN}]}
        assert running.post("agents/route", turns).json()["agent"] == "weather_forecast"
        other = decision(running, "Prove that the square root of two is irrational.")
        assert other["agent"] is None
        assert other["reason"] == "out_of_scope"


def test_changes_of_the_catalogue_count_at_once(tmp_path: Path) -> None:
    """Also those that another process makes."""
    with routed(tmp_path) as (running, others):
        others.disable("weather_forecast")
        assert decision(running)["agent"] != "weather_forecast"
        others.enable("weather_forecast")
        assert decision(running)["agent"] == "weather_forecast"
        others.remove("weather_forecast")
        others.remove("set_timer")
        reply = running.post("agents/route", {"input": RAIN})
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "no_agents"


def test_a_state_goes_from_turn_to_turn(tmp_path: Path) -> None:
    """As the decision before gave it; an event moves it."""
    states = tmp_path / "states.toml"
    states.write_text(STATES)
    flight = Agent("travel_flight", "books a flight", prefix="travel_")
    with routed(tmp_path, agents=(*AGENTS, flight), states=str(states)) as (running, _):
        first = decision(running, "Here it is.", events=["ticket_uploaded"])
        assert first["before"]["name"] == "GENERIC"
        assert first["state"]["name"] == "TRAVEL"
        second = decision(running, "And the next one?", state=first["state"])
        assert second["before"]["name"] == second["state"]["name"] == "TRAVEL"
        wrong = {"input": RAIN, "state": {"atoms": ["MOON"], "quiet": 0, "reason": "x"}}
        assert running.post("agents/route", wrong).status_code == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "give messages, or input"),
        ({"input": RAIN, "messages": []}, "give messages, or input"),
        ({"input": 7}, "input is 7"),
        ({"input": RAIN, "sate": {}}, "'sate' is unknown"),
        ({"input": RAIN, "state": "TRAVEL"}, "state is"),
        ({"input": RAIN, "state": {"atoms": []}}, "atoms, quiet and reason"),
        ({"input": RAIN, "state": {"atoms": ["X" * 513], "quiet": 0, "reason": ""}}, "over 512"),
        ({"input": RAIN, "state": {"atoms": ["X"] * 17, "quiet": 0, "reason": ""}}, "at most 16"),
        ({"input": RAIN, "state": {"atoms": [], "quiet": True, "reason": ""}}, "whole number"),
        ({"input": RAIN, "state": {"atoms": [], "quiet": 10**400, "reason": ""}}, "whole number"),
        ({"input": RAIN, "events": "ticket_uploaded"}, "a list of names"),
        ({"input": RAIN, "events": ["x"] * 65}, "at most 64"),
        ([], "a JSON object"),
    ],
)
def test_a_bad_body_is_refused(tmp_path: Path, body: Any, words: str) -> None:
    """With the field and the fix."""
    with routed(tmp_path) as (running, _):
        reply = running.post("agents/route", body)
        assert reply.status_code == 400
        assert words in reply.json()["error"]["message"]


def test_without_agents_the_server_says_how_to_have_some() -> None:
    """Instead of choosing among none."""
    with serving(fakes()) as running:
        reply = running.post("agents/route", {"input": RAIN})
        assert reply.status_code == 404
        assert "serve --agents" in reply.json()["error"]["message"]
        assert reply.json()["error"]["code"] == "agents_off"


def test_an_expert_chooses_unless_it_may_not_read_it(tmp_path: Path) -> None:
    """What the privacy gate finds something in, no expert of the cloud reads."""
    far = FakeBackend(json.dumps({"name": "set_timer"}))
    config = Config(experts={"cloud": CLOUD}, data_dir=str(tmp_path), privacy={"cloud": "ask"})
    client = EdgeRouter(config, backends={"cloud": far})
    with routed(tmp_path, client, expert="cloud") as (running, _):
        chosen = decision(running)
        assert (chosen["agent"], chosen["reason"]) == ("set_timer", "language_model")
        read = len(far.requests)
        kept = decision(running, "Will it rain on ann@example.org's house in Lisbon tomorrow?")
        assert (kept["agent"], kept["reason"]) == ("weather_forecast", "similarity")
        assert len(far.requests) == read


def test_the_callers_budget_pays_for_the_expert(tmp_path: Path) -> None:
    """Where nothing is left of it, the nearest agent is taken, and nobody is asked."""
    far = FakeBackend(json.dumps({"name": "set_timer"}))
    budget = {"usd_per_day": 1.0, "callers": {"serve": {"usd_per_day": 0.05}}}
    config = Config(experts={"cloud": CLOUD}, data_dir=str(tmp_path), budget=budget)
    client = EdgeRouter(config, backends={"cloud": far})
    with routed(tmp_path, client, expert="cloud") as (running, _):
        said = [decision(running) for _ in range(12)]
        assert said[0]["agent"] == "set_timer"
        assert said[-1]["agent"] == "weather_forecast"
        assert "budget" in said[-1]["faults"][0]
        assert 0 < len(far.requests) < 12
        spent = client.constraints("serve").budget_left_usd
        assert spent is not None
        assert spent < 0.05


def test_an_expert_that_is_down_is_done_without(tmp_path: Path) -> None:
    """The reply says so."""
    config = Config(experts={"cloud": CLOUD}, data_dir=str(tmp_path))
    client = EdgeRouter(config, backends={"cloud": FakeBackend(error=BackendUnavailable("down"))})
    with routed(tmp_path, client, expert="cloud") as (running, _):
        said = decision(running)
        assert said["agent"] == "weather_forecast"
        assert "down" in said["faults"][0]


def test_the_deadline_holds_for_choice_and_arguments_together(tmp_path: Path) -> None:
    """Each alone would be in time."""
    slow = FakeBackend("a b c d e f g", delay_s=0.2)
    config = Config(experts={"cloud": CLOUD}, data_dir=str(tmp_path), deadline_s=2.0)
    client = EdgeRouter(config, backends={"cloud": slow})
    weather = Agent("weather_forecast", "weather forecast of a city", input_schema=CITY)
    with routed(tmp_path, client, agents=(weather,), expert="cloud") as (running, _):
        reply = running.post("agents/route", {"input": RAIN})
        assert reply.status_code == 503
        assert "out of time" in reply.json()["error"]["message"]


def test_a_client_that_leaves_ends_the_choice(tmp_path: Path) -> None:
    """Others are answered meanwhile, and the expert is asked no further."""
    slow = FakeBackend("a " * 500, delay_s=0.05)
    config = Config(experts={"cloud": CLOUD}, data_dir=str(tmp_path), deadline_s=60.0)
    client = EdgeRouter(config, backends={"cloud": slow})
    with routed(tmp_path, client, expert="cloud") as (running, _):
        for _ in range(8):
            with pytest.raises(httpx.ReadTimeout):
                running.http.post(f"{running.url}/agents/route", json={"input": RAIN}, timeout=0.3)
        embedded = running.post("embeddings", {"input": "x"})
        assert embedded.status_code == 200
        until = time.monotonic() + 30
        while client._streams and time.monotonic() < until:
            time.sleep(0.05)
        assert not [one for one in client._streams if one.record is None]


def test_a_damaged_catalogue_is_the_servers_fault(tmp_path: Path) -> None:
    """The client is told nothing of the file."""
    with routed(tmp_path) as (running, others):
        assert others.path is not None
        with sqlite3.connect(others.path) as other:
            other.execute("BEGIN EXCLUSIVE")
            reply = running.post("agents/route", {"input": RAIN})
            assert reply.status_code == 503
            assert str(tmp_path) not in reply.text
        assert decision(running)["agent"] == "weather_forecast"


def test_a_local_model_chooses_and_writes_arguments(tmp_path: Path) -> None:
    """Under the mask and under the schema, with the model that answers too."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", engine="llama_cpp_python")
    client = EdgeRouter(Config(experts={"local": local}, data_dir=str(tmp_path)))
    weather = Agent("weather_forecast", "weather forecast of a city", input_schema=CITY)
    with routed(tmp_path, client, agents=(weather,), expert="local") as (running, _):
        said = decision(running, "weather_forecast for Lisbon, please")
        (candidate,) = said["candidates"]
        assert 0 < candidate["chosen"] < 1
        if said["agent"] is not None:
            assert said["arguments"].keys() == {"city"}


def test_options_of_agents_need_agents(capsys: pytest.CaptureFixture[str]) -> None:
    """A file of states that nobody reads is a mistake, and so is an expert that nobody knows."""
    _, _, said = run(capsys, "serve", "--agent-fit")
    assert "--agent-fit needs --agents" in said
    _, _, said = run(capsys, "serve", "--agents", "--agent-expert", "moon", "--port", "0")
    assert "no expert is called 'moon'" in said
