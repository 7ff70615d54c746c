"""edge-router agents, with the shipped encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import TWO_EXPERTS, run

AGENTS = """
[agents.weather]
description = "Forecasts rain, sun and temperature for a city"
examples = ["will it rain tomorrow", "how warm is it in Rome", "do I need an umbrella"]
[agents.timer]
description = "Sets timers and alarms"
examples = ["wake me at seven", "set a timer for ten minutes", "remind me in an hour"]
[agents.translate]
description = "Translates texts between languages"
prefix = "text_"
"""
STATES = """
[states.WRITING]
prefixes = ["text_"]
[[rules]]
keywords = ["in French"]
state = "WRITING"
"""


@pytest.fixture(autouse=True)
def _agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder of this test's own, and a file of agents."""
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "agents.toml").write_text(AGENTS)
    (tmp_path / "states.toml").write_text(STATES)


def test_agents_are_added_listed_changed_and_removed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each command is another process's: all is kept in the file."""
    path = str(tmp_path / "agents.toml")
    assert "3 agents added" in run(capsys, "agents", "add", path)[1]
    code, _, said = run(capsys, "agents", "add", path)
    assert (code, "two agents are called" in said) == (2, True)
    assert run(capsys, "agents", "add", path, "--replace")[0] == 0
    assert run(capsys, "agents", "disable", "timer")[1] == "timer disabled\n"
    assert "timer (disabled)" in run(capsys, "agents", "list")[1]
    assert run(capsys, "agents", "enable", "timer")[1] == "timer enabled\n"
    assert json.loads(run(capsys, "agents", "remove", "timer", "--json")[1]) == {"removed": "timer"}
    listed = [json.loads(row) for row in run(capsys, "agents", "list", "--json")[1].splitlines()]
    assert [one["name"] for one in listed] == ["weather", "translate"]


def test_a_request_is_routed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By similarity, by a head, and in a state."""
    run(capsys, "agents", "add", str(tmp_path / "agents.toml"))
    assert run(capsys, "agents", "route", "is it going to rain")[1] == "weather\n"
    fitted = run(capsys, "agents", "route", "an alarm for six please", "--fit", "--json")[1]
    assert (json.loads(fitted)["agent"], json.loads(fitted)["reason"]) == ("timer", "head")
    states = str(tmp_path / "states.toml")
    said = run(capsys, "agents", "route", "say rain in French", "--states", states, "--json")[1]
    decision = json.loads(said)
    assert decision["state"]["name"] == "WRITING"
    assert [one["name"] for one in decision["candidates"]] == ["translate"]


def test_a_conversation_is_routed_turn_by_turn(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A state survives the turn after it; calls of tools say whether their loop is stuck."""
    run(capsys, "agents", "add", str(tmp_path / "agents.toml"))
    call = {"type": "function", "function": {"name": "translate", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "is it going to rain"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "say that in French"},
        {"role": "assistant", "content": "Il pleut."},
        {"role": "user", "content": "and once more"},
    ]
    for number in range(3):
        messages.append({"role": "assistant", "tool_calls": [{"id": f"c{number}", **call}]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": "error: none"})
    path = tmp_path / "conversation.json"
    path.write_text(json.dumps({"messages": messages}))
    options = ("--conversation", str(path), "--states", str(tmp_path / "states.toml"))
    code, said, _ = run(capsys, "agents", "route", *options, "--json")
    turns = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [one["before"]["name"] for one in turns] == ["GENERIC", "GENERIC", "WRITING"]
    assert [one["state"]["name"] for one in turns] == ["GENERIC", "WRITING", "WRITING"]
    assert [one["signals"]["is_stuck"] for one in turns] == [False, False, True]
    assert turns[0]["agent"] == "weather"
    assert {name["name"] for name in turns[1]["candidates"]} == {"translate"}
    _, said, dim = run(capsys, "agents", "route", *options)
    assert "GENERIC -> WRITING (rule: keywords in French)" in said + dim
    assert "3 calls, 3 failed" in said + dim


def test_labelled_requests_are_evaluated_and_set_the_threshold(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The threshold is used by the next `route`."""
    run(capsys, "agents", "add", str(tmp_path / "agents.toml"))
    path = tmp_path / "requests.jsonl"
    rows = [{"query": f"will it rain in {n} days", "agent": "weather"} for n in range(60)]
    rows += [{"query": f"explain theorem {n} of algebra", "agent": None} for n in range(20)]
    path.write_text("\n".join(map(json.dumps, rows)))
    result = json.loads(run(capsys, "agents", "eval", str(path), "--calibrate", "--json")[1])
    assert result["accuracy_in_scope"] > 0.9
    assert result["out_of_scope_recall"] > 0.9
    routed = run(capsys, "agents", "route", "explain a theorem of algebra", "--json")[1]
    assert json.loads(routed)["agent"] is None
    assert json.loads(routed)["in_scope"] < 0.5
    said = run(capsys, "agents", "eval", str(path))[1].splitlines()
    shares = [line for line in said if line.endswith("%")]
    assert (len(said), len(shares)) == (7, 4)  # neither milliseconds nor names are shares


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add",), "give a FILE"),
        (("add", "nowhere.json"), "cannot be read"),
        (("add", "--mcp", "no-such-program"), "cannot be started"),
        (("remove", "nobody"), "no agent is called 'nobody'"),
        (("route", "hello"), "no agent is enabled"),
        (("route", "hello", "--expert", "nobody"), "no expert is called"),
        (("route",), "give a TEXT, or --conversation FILE"),
        (("route", "hello", "--event", "path_uploaded"), "--event needs --states FILE"),
        (("route", "hello", "--conversation", "x"), "give a TEXT, or --conversation FILE"),
        (("route", "--conversation", "nowhere.json"), "cannot be read"),
        (("eval", "nowhere.jsonl"), "cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 1 or 2, and what is wrong."""
    code, out, err = run(capsys, "agents", *arguments)
    assert (code in (1, 2), out, words in err) == (True, "", True)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('[router]\nplacement = "only_on_device"\n', "expert 'cloud' may not be asked"),
        ('[router]\nplacement = "only_on_lan"\n', "expert 'cloud' may not be asked"),
        ('[privacy]\ncloud = "never"\n', "cloud (it may not read an e-mail address)"),
        ('[privacy]\ncloud = "ask"\n', "the settings say to ask first"),
    ],
)
def test_an_expert_that_chooses_reads_what_experts_may_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, settings: str, message: str
) -> None:
    """Placement and privacy hold for it as for an answer."""
    file, agents = tmp_path / "config.toml", str(tmp_path / "agents.toml")
    file.write_text(settings + TWO_EXPERTS)
    assert run(capsys, "agents", "add", agents)[0] == 0
    asked = ("agents", "route", "tell ann@x.org the weather", "--expert", "cloud")
    code, _, err = run(capsys, *asked, "--config", str(file))
    assert code in (1, 2)
    assert message in err
