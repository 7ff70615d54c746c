"""The state machine: rules, prompts, composite states, and what survives a turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.agents.states import state_machine
from edge_router.agents.states.rules import Rule, State, states_from_file, states_of
from edge_router.agents.states.state_machine import START, ConversationState, StateMachine
from edge_router.errors import InvalidAgent
from made_agents import FLIGHTS, TIMER, WEATHER, WordEmbedder

FILE = """
[states.TRAVEL]
prompt = "travel flight hotel trip"
prefixes = ["travel_"]
categories = ["Travel"]
[states.FOOD]
prompt = "food restaurant eat dinner"
categories = ["Food"]
[states.PATH_UPLOAD]
categories = ["Files"]
[[rules]]
regex = "\\\\bfl(y|ight) to\\\\b"
state = "TRAVEL"
[[rules]]
keywords = ["dinner cruise"]
state = "TRAVEL_AND_FOOD"
[[rules]]
event = "path_uploaded"
state = "PATH_UPLOAD"
[[rules]]
keywords = ["never mind"]
state = "GENERIC"
since = ["TRAVEL", "FOOD"]
"""


@pytest.fixture
def machine(tmp_path: Path) -> StateMachine:
    path = tmp_path / "states.toml"
    path.write_text(FILE)
    return StateMachine(*states_from_file(path), WordEmbedder())


def step(
    machine: StateMachine, state: ConversationState, text: str, *events: str
) -> ConversationState:
    return machine.next(state, text, WordEmbedder().embed([text])[0], events)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I want to fly to Rome", "TRAVEL"),
        ("book a Dinner Cruise", "TRAVEL_AND_FOOD"),
        ("food restaurant dinner", "FOOD"),
        ("travel flight hotel food restaurant eat", "TRAVEL_AND_FOOD"),
        ("what is the meaning of life", "GENERIC"),
        ("butterfly tomato", "GENERIC"),
    ],
)
def test_rules_and_prompts_name_the_state(machine: StateMachine, text: str, name: str) -> None:
    """A pattern, keywords, one prompt, two prompts alike, nothing, and half of a word."""
    assert step(machine, START, text).name == name


def test_a_rule_goes_before_a_prompt(machine: StateMachine) -> None:
    """The text is nearest to FOOD's prompt, and the rule says TRAVEL; a sure prompt joins it."""
    weak = step(machine, START, "fly to somewhere else for food and then some more words")
    assert weak.name == "TRAVEL"
    assert weak.reason.startswith("rule: pattern")
    assert step(machine, START, "fly to food restaurant eat dinner").name == "TRAVEL_AND_FOOD"


def test_an_event_moves_the_conversation(machine: StateMachine) -> None:
    """Whatever the text says."""
    travelling = step(machine, START, "fly to Rome")
    uploaded = step(machine, travelling, "here you are", "path_uploaded")
    assert (uploaded.name, uploaded.reason) == ("PATH_UPLOAD", "rule: event path_uploaded")


def test_a_state_survives_three_quiet_turns(machine: StateMachine) -> None:
    """The fourth turn without a sign of it ends it."""
    state = step(machine, START, "fly to Rome")
    names = []
    for text in ("yes", "tomorrow", "two people", "and you"):
        state = step(machine, state, text)
        names.append(state.name)
    assert names == ["TRAVEL", "TRAVEL", "TRAVEL", "GENERIC"]


def test_a_rule_may_hold_only_in_some_states(machine: StateMachine) -> None:
    """ "never mind" leaves TRAVEL, and does nothing to an uploaded path."""
    assert step(machine, step(machine, START, "fly to Rome"), "never mind").name == "GENERIC"
    uploaded = step(machine, START, "x", "path_uploaded")
    assert step(machine, uploaded, "never mind").name == "PATH_UPLOAD"


def test_a_state_lets_agents_be_called_by_prefix_and_category(machine: StateMachine) -> None:
    """A composite state allows those of each of its parts; GENERIC allows all."""
    agents, categories = [WEATHER, FLIGHTS, TIMER], ["Travel", "", "Food"]
    travel = ConversationState(("TRAVEL",))
    assert machine.callable_agents(travel, agents, categories) == [0, 1]
    named = [WEATHER, TIMER, FLIGHTS]
    assert machine.callable_agents(travel, named, ["", "", ""]) == [2]
    both = ConversationState(("TRAVEL", "FOOD"))
    assert machine.callable_agents(both, agents, categories) == [0, 1, 2]
    assert machine.callable_agents(START, agents, categories) == [0, 1, 2]


@pytest.mark.parametrize(
    "stated",
    [
        {"rule": []},
        {"states": []},
        {"states": {"A": 3}},
        {"states": {"GENERIC": {}}},
        {"states": {"A_AND_B": {}}},
        {"states": {"A": {"colour": "red"}}},
        {"rules": [{"state": "NOWHERE", "event": "x"}]},
        {"states": {"A": {}}, "rules": [{"state": "A"}]},
        {"states": {"A": {}}, "rules": [{"state": "A", "event": "x", "regex": "y"}]},
        {"states": {"A": {}}, "rules": [{"state": "A", "keywords": [" "]}]},
        {"states": {"A": {}}, "rules": [{"state": "A", "regex": "(a)\\1"}]},
        {"states": {"A": {}}, "rules": [3]},
    ],
)
def test_a_file_that_is_wrong_is_a_typed_error(stated: dict[str, object]) -> None:
    """Each fault when the file is read, not when a request comes."""
    with pytest.raises(InvalidAgent):
        states_of(stated)


def test_two_states_of_one_name_are_refused() -> None:
    """From Python, where no table forbids it."""
    with pytest.raises(InvalidAgent):
        StateMachine([State("A"), State("A")], [], WordEmbedder())
    with pytest.raises(InvalidAgent):
        StateMachine([], [Rule(("A",), event="x")], WordEmbedder())


def test_keywords_of_scripts_without_blanks_are_found() -> None:
    """Chinese has no word boundaries."""
    rule = Rule(("A",), keywords=("天气",))
    assert rule.applies("今天天气怎么样", (), ())


def test_rules_that_take_too_long_do_not_count_in_this_turn(
    machine: StateMachine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The prompts decide then, and the log says how many rules were left out."""
    monkeypatch.setattr(state_machine, "RULES_S", -1.0)
    assert step(machine, START, "food restaurant dinner cruise").reason == "state prompt"
    assert "4 rules of states did not count" in caplog.text


def test_a_rule_of_too_many_keywords_is_refused() -> None:
    """It is looked at as a whole."""
    with pytest.raises(InvalidAgent, match="over 200 keywords"):
        Rule(("FOOD",), keywords=tuple(f"word{n}" for n in range(201)))


def test_many_rules_are_looked_at_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """Two hundred keywords in each of fifteen rules, on a long message, and the last one counts."""
    words = [tuple(f"word{rule}x{n}" for n in range(200)) for rule in range(15)]
    rules = [Rule(("A",), keywords=keywords) for keywords in words]
    machine = StateMachine([State("A")], [*rules, Rule(("A",), pattern=r"need\w+")], WordEmbedder())
    assert step(machine, START, "lorem ipsum dolor " * 200 + "needle").name == "A"
    assert not caplog.text


def test_a_keyword_in_the_middle_of_a_long_text_counts() -> None:
    """And no part of another word does."""
    rule = Rule(("A",), keywords=("trip", "c++"))
    assert rule.applies("x " * 999 + "a TRIP " + "y " * 999, (), ())
    assert rule.applies("in C++ please", (), ())
    assert not rule.applies("tripod", (), ())
