"""AgentRouter: both layers, abstention, the language model, the cache, and a changing catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_router import Config, Constraints, EdgeRouter, ExpertConfig, Placement
from edge_router.agents.cache import DecisionCache
from edge_router.agents.catalog.agent import NONE, Agent
from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.choosing.chooser import Choice, SchemaChooser
from edge_router.agents.decision import AgentReason
from edge_router.agents.ranking.abstention import Abstention
from edge_router.agents.router import AgentRouter
from edge_router.agents.states.rules import Rule, State
from edge_router.agents.states.state_machine import START, ConversationState, StateMachine
from edge_router.backends.deadline import Deadline
from edge_router.errors import EmptyCatalog, InvalidAgent, InvalidRequest, RouterClosed
from edge_router.layers.resilience import Retrying
from edge_router.testing import FakeBackend
from made_agents import FLIGHTS, TIMER, WEATHER, WordEmbedder, agent

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORECAST = Agent("forecast", "forecast rain sun city", CITY, examples=("rain in Rome",))
MANY = [
    agent("red", "", "red one", "red two", "deep red", "red wine"),
    agent("blue", "", "blue one", "blue two", "deep blue", "blue sea"),
]


class Chooses:
    """Chooses a fixed name; `asked` keeps the candidates it saw."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[list[str]] = []

    def choose(
        self, agents: Sequence[Agent], text: str, *, deadline: Deadline, state: str = ""
    ) -> Choice:
        names = [one.name for one in agents]
        self.asked.append(names)
        return Choice(self.name, {one: float(one == self.name) for one in (*names, NONE)})


class FarAway(FakeBackend):
    """An expert on another host."""

    needs_network = True


def catalog(*agents: Agent) -> AgentCatalog:
    return AgentCatalog(WordEmbedder(), agents or (WEATHER, FLIGHTS, TIMER))


def travel_machine() -> StateMachine:
    states = [State("TRAVEL", prefixes=("travel_",)), State("COOKING", categories=("Food",))]
    rules = [Rule(("TRAVEL",), keywords=("trip",)), Rule(("COOKING",), keywords=("cook",))]
    return StateMachine(states, rules, WordEmbedder())


def test_the_nearest_agent_is_chosen_and_the_decision_says_why() -> None:
    """Candidates in order of their scores; the JSON holds nothing of the request."""
    decision = AgentRouter(catalog()).route("rain forecast")
    assert (decision.agent, decision.reason) == ("weather", AgentReason.SIMILARITY)
    assert decision.candidates[0].name == "weather"
    assert "rain" not in str(decision.to_json())
    assert decision.words == "nearest by embedding"


def test_a_request_that_no_agent_is_for_goes_to_a_model() -> None:
    """Below the threshold there is no agent; candidates still show how near they were."""
    decision = AgentRouter(catalog()).route("quantum chromodynamics lecture")
    assert (decision.agent, decision.reason) == (None, AgentReason.OUT_OF_SCOPE)
    assert len(decision.candidates) == 3


def test_the_next_decision_knows_a_change_of_the_catalogue() -> None:
    """Added, disabled, removed; with a cache in between."""
    known = catalog()
    router = AgentRouter(known, cache=DecisionCache())
    umbrella = agent("umbrella", "umbrella shop")
    assert router.route("umbrella shop").agent is None
    known.add(umbrella)
    assert router.route("umbrella shop").agent == "umbrella"
    assert router.categories().of_agent("umbrella")
    known.disable("umbrella")
    assert router.route("umbrella shop").agent is None
    known.enable("umbrella")
    known.remove("umbrella")
    assert router.route("umbrella shop").agent is None
    assert router.categories().of_agent("umbrella") == ()


def test_a_state_leaves_its_agents_alone() -> None:
    """In TRAVEL only agents of its prefix are candidates; a state without agents has none."""
    router = AgentRouter(catalog(), machine=travel_machine())
    travelling = router.route("a trip by plane to Rome")
    assert [one.name for one in travelling.candidates] == ["book_flight"]
    assert (travelling.agent, travelling.state.name) == ("book_flight", "TRAVEL")
    still = router.route("flight ticket plane", state=travelling.state)
    assert (still.agent, still.state.quiet) == ("book_flight", 1)
    cooking = router.route("cook rain forecast")
    assert (cooking.agent, cooking.reason) == (None, AgentReason.NO_AGENT_IN_STATE)


def test_only_the_nearest_categories_are_searched() -> None:
    """An agent of another category is no candidate."""
    money = [agent(f"pay{n}", f"bank money transfer{n}", category="Money") for n in range(4)]
    food = [agent(f"cook{n}", f"kitchen recipe meal{n}", category="Food") for n in range(4)]
    router = AgentRouter(catalog(*money, *food), top_categories=1)
    decision = router.route("a bank money transfer2")
    assert (decision.agent, decision.categories) == ("pay2", ("Money",))
    assert {one.name for one in decision.candidates} <= {one.name for one in money}


def test_a_language_model_decides_among_the_candidates() -> None:
    """They are in the catalogue's order; "none" is out of scope, and so is what is near nothing."""
    chooser = Chooses("timer")
    router = AgentRouter(catalog(), chooser=chooser, candidates=2)
    decision = router.route("alarm clock rain minutes forecast")
    assert (decision.agent, decision.reason) == ("timer", AgentReason.LANGUAGE_MODEL)
    assert chooser.asked == [["weather", "timer"]]
    assert {one.name: one.chosen for one in decision.candidates} == {"weather": 0.0, "timer": 1.0}
    nothing = AgentRouter(catalog(), chooser=Chooses(NONE)).route("rain forecast")
    assert (nothing.agent, nothing.reason) == (None, AgentReason.OUT_OF_SCOPE)
    router.route("quantum chromodynamics lecture")
    assert len(chooser.asked) == 1


def test_a_small_models_word_may_count_less() -> None:
    """With little weight the scores decide, with much the model; it cannot say "none" then."""
    text = "alarm clock rain minutes forecast"
    by_score = AgentRouter(catalog()).route(text).agent
    other = "timer" if by_score == "weather" else "weather"
    for weight, name in ((0.0, by_score), (100.0, other)):
        router = AgentRouter(catalog(), chooser=Chooses(other), chooser_weight=weight)
        assert router.route(text).agent == name
    router = AgentRouter(catalog(), chooser=Chooses(NONE), chooser_weight=0.1)
    assert router.route(text).agent == by_score


def test_a_fitted_head_decides_and_survives_a_new_agent() -> None:
    """`fit` says whether there were enough examples."""
    known = catalog(*MANY)
    router = AgentRouter(known, abstention=Abstention(-100))
    assert router.fit()
    assert router.route("some red thing").agent == "red"
    assert router.route("some red thing").reason is AgentReason.HEAD
    known.add(agent("green", "green leaves"))
    assert router.route("green leaves").agent == "green"
    assert not AgentRouter(catalog()).fit()


def test_calibration_sets_the_threshold() -> None:
    """From requests, with a probability where some were out of scope."""
    router = AgentRouter(catalog())
    inside = ["rain forecast", "flight ticket", "alarm clock", "sun forecast"] * 10
    router.calibrate(inside, ["quantum lecture", "poem of love"] * 5, false_alarms=0.05)
    decision = router.route("rain forecast")
    assert decision.agent == "weather"
    assert decision.in_scope is not None
    assert decision.in_scope > 0.9
    assert router.route("quantum lecture").agent is None


def test_a_cache_answers_requests_that_are_the_same() -> None:
    """Normalised; nearly the same by embedding; not in another state."""
    chooser = Chooses("weather")
    router = AgentRouter(catalog(), chooser=chooser, cache=DecisionCache(threshold=0.9))
    assert router.route("rain forecast").cached == ""
    assert router.route("  Rain   FORECAST! ").cached == "exact"
    assert router.route("forecast rain").cached == "semantic"
    assert router.route("forecast sun").cached == ""
    assert len(chooser.asked) == 2
    assert router.route("rain forecast", events=["uploaded"]).cached == ""


def test_arguments_are_written_by_an_expert() -> None:
    """They fit the schema, or the decision says why there are none."""
    known = catalog(FORECAST)
    filled = AgentRouter(known, writer=FakeBackend('{"city": "Rome"}')).route("rain in Rome")
    assert filled.arguments == {"city": "Rome"}
    failed = AgentRouter(known, writer=FakeBackend("Rome, I think")).route("rain in Rome")
    assert failed.arguments is None
    assert failed.faults


def test_bad_input_is_a_typed_error() -> None:
    """An empty catalogue, an empty request."""
    with pytest.raises(EmptyCatalog):
        AgentRouter(AgentCatalog(WordEmbedder())).route("rain")
    with pytest.raises(InvalidRequest):
        AgentRouter(catalog()).route("   ")


def test_a_request_that_stays_here_prepares_the_catalogue_once() -> None:
    """Its scorer is kept for the next request, as that of any other one is."""
    router = AgentRouter(catalog(), chooser=SchemaChooser(FarAway("none")))
    here = Constraints(placement=Placement.ONLY_ON_DEVICE)
    router.route("rain forecast", constraints=here)
    first = router._now
    router.route("cheap flights", constraints=here)
    assert first is not None
    assert router._now is first


@pytest.mark.parametrize(
    ("limits", "asks"),
    [
        ({"placement": "only_on_device"}, False),
        ({"placement": "only_on_lan"}, False),
        ({"offline": True}, False),
        ({"placement": "only_in_cloud"}, True),
        ({"privacy": {"cloud": "never"}}, False),
        ({"privacy": {"lan": "redact"}}, False),
    ],
)
@pytest.mark.parametrize("stated", ["by the query", "by the settings"])
def test_no_agent_is_chosen_over_the_network_where_nothing_may_leave(
    tmp_path: Path, limits: dict[str, Any], asks: bool, stated: str
) -> None:
    """Neither chooser nor writer, also behind layers; the scores decide, without arguments."""
    far = FarAway('{"city": "Rome"}')
    expert = ExpertConfig("openai", "m", "frontier", base_url="http://127.0.0.1:9")
    is_private = "privacy" in limits
    of_settings = limits if stated == "by the settings" or is_private else {}
    other = ExpertConfig("openai", "m", "frontier", base_url="http://10.0.0.2/v1", location="lan")
    cloud = ExpertConfig("openai", "m", "frontier", base_url="https://far.example/v1")
    experts = {"near": expert, "other": other, "cloud": cloud}
    config = Config(data_dir=str(tmp_path), experts=experts, **of_settings)
    layered = Retrying(far)
    agents = AgentRouter(
        catalog(FORECAST), chooser=SchemaChooser(layered), writer=layered, cache=DecisionCache()
    )
    own = None if of_settings else Constraints(**limits)
    with EdgeRouter(config, backends={"near": FakeBackend()}) as client:
        decision = client.dispatch(
            "rain in Rome ann.smith@clinic.org" if is_private else "rain in Rome",
            agents=agents,
            constraints=own,
        ).decision
    assert bool(far.requests) is asks
    assert decision.agent == "forecast"
    assert (decision.arguments is not None) is asks


def test_dispatch_calls_only_what_the_caller_gives(tmp_path: Path) -> None:
    """An agent with its callable and fitting arguments; a model for the rest."""
    config = Config(
        data_dir=str(tmp_path),
        experts={"cloud": ExpertConfig("openai", "m", "frontier", base_url="http://127.0.0.1:9")},
    )
    agents = AgentRouter(catalog(FORECAST), writer=FakeBackend('{"city": "Rome"}'))
    with EdgeRouter(config, backends={"cloud": FakeBackend("Physics.")}) as client:
        only = client.dispatch("rain in Rome", agents=agents)
        assert (only.decision.agent, only.was_called, only.answer) == ("forecast", False, None)
        done = client.dispatch(
            "rain in Rome", agents=agents, call={"forecast": lambda city: f"dry in {city}"}
        )
        assert (done.result, done.was_called) == ("dry in Rome", True)
        said = client.dispatch("quantum chromodynamics lecture", agents=agents)
        assert said.answer is not None
        assert said.answer.text == "Physics."
    with pytest.raises(RouterClosed):
        client.dispatch("rain in Rome", agents=agents)


def fly_machine() -> StateMachine:
    """Enters TRAVEL by "trip" and leaves it by "stop"."""
    rules = [Rule(("TRAVEL",), keywords=("trip",)), Rule((), keywords=("stop",), since=("TRAVEL",))]
    return StateMachine([State("TRAVEL", prefixes=("travel_",))], rules, WordEmbedder())


def test_a_state_is_read_from_the_last_turn_alone() -> None:
    """Of a short turn the one before it is read too, for the agent; its rules do not apply again,
    so that a state ends after three quiet turns, and another rule leaves it."""
    router = AgentRouter(catalog(), machine=fly_machine())
    turns, state, names = [], START, []
    for text in ("a trip to Rome", "yes", "two", "soon", "and so", "a trip", "stop"):
        turns.append({"role": "user", "content": text})
        state = router.route(turns, state=state).state
        names.append(state.name)
    assert names == [*["TRAVEL"] * 4, "GENERIC", "TRAVEL", "GENERIC"]


def test_a_conversation_goes_on_after_a_restart() -> None:
    """Its state comes back from the JSON of a decision; one that is none is a typed error, and so
    is one whose states another file had."""
    router = AgentRouter(catalog(), machine=fly_machine())
    stored = json.loads(json.dumps(router.route("a trip to Rome").to_json()))["state"]
    state = ConversationState.from_json(stored)
    assert router.route("flight ticket plane", state=state).state.quiet == 1
    for bad in (3, {}, {"atoms": "TRAVEL", "quiet": 0, "reason": ""}, stored | {"quiet": -9}):
        with pytest.raises(InvalidAgent, match="a state of a conversation"):
            ConversationState.from_json(bad)
    with pytest.raises(InvalidAgent, match="'FOOD', which is not defined; defined are TRAVEL"):
        router.route("rain", state=ConversationState(("FOOD",)))
    with pytest.raises(InvalidAgent, match="of the turn before"):
        router.route("rain", state="TRAVEL")  # type: ignore[arg-type]


def test_a_cache_does_not_outvote_a_rule() -> None:
    """A request that is next to an earlier one, but for a word that a rule looks for."""
    cache = DecisionCache(threshold=0.5)
    router = AgentRouter(catalog(), machine=fly_machine(), cache=cache)
    assert router.route("flight ticket plane").state.atoms == ()
    moved = router.route("trip flight ticket plane")
    assert (moved.state.name, moved.cached) == ("TRAVEL", "")
    assert router.route("flight plane ticket").cached == "semantic"


def test_a_hit_of_the_cache_gets_arguments_of_its_own_words() -> None:
    """The writer is asked again where a letter differs, not for the very same text."""
    writer = FakeBackend('{"city": "Rome"}')
    router = AgentRouter(catalog(FORECAST), writer=writer, cache=DecisionCache())
    for text, asked in (("rain in Rome", 1), ("rain in Rome", 1), ("rain in ROME", 2)):
        assert router.route(text).arguments == {"city": "Rome"}
        assert len(writer.requests) == asked


def test_one_event_may_be_a_text() -> None:
    """Its letters are not events."""
    rules = [Rule(("TRAVEL",), event="path"), Rule(("TRAVEL",), event="p")]
    machine = StateMachine([State("TRAVEL", prefixes=("travel_",))], rules[1:], WordEmbedder())
    assert AgentRouter(catalog(), machine=machine).route("rain", events="path").state.atoms == ()
    machine = StateMachine([State("TRAVEL", prefixes=("travel_",))], rules, WordEmbedder())
    assert AgentRouter(catalog(), machine=machine).route("rain", events="path").state.atoms


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({}, {}),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {}),
        ({"type": "object", "properties": {"city": {}}}, None),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}, None),
        ({"type": "object", "required": ["city"]}, None),
        ({"type": "object", "additionalProperties": {"type": "string"}}, None),
    ],
)
def test_an_agent_without_parameters_needs_no_writer(
    schema: dict[str, Any], arguments: dict[str, Any] | None
) -> None:
    """Its arguments are empty, so that it can be called; any other one waits for them."""
    router = AgentRouter(catalog(Agent("clock", "what time is it", schema)))
    assert router.route("what time is it").arguments == arguments
