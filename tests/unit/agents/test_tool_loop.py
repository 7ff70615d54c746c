"""ToolLoop with a real client and scripted experts."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_router import Config, Constraints, EdgeRouter, ExpertConfig
from edge_router.agents.tool_loop import ToolLoop
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatRequest, ToolCall
from edge_router.chat.tools import Tool
from edge_router.errors import ConfigError, InvalidAgent, NoExpertFits
from edge_router.routing.deciding.reason import Reason
from edge_router.testing import FakeBackend

LADDER = ("small", "middle", "large")
PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = tuple(Tool(name, parameters=PATH) for name in ("read_file", "write_file"))
REQUEST = ChatRequest.of("tidy up my notes")
REQUEST = ChatRequest(REQUEST.messages, tools=TOOLS)


class Script:
    """What all experts do, in turn: calls of tools, by name and arguments; after that, they
    answer. `asked` lists the experts."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.asked: list[str] = []


class Scripted(FakeBackend):
    """An expert of a script."""

    def __init__(self, name: str, script: Script) -> None:
        super().__init__("Done.")
        self._name, self._script = name, script

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        at = len(self._script.asked)
        self._script.asked.append(self._name)
        left = self._script.calls[at : at + 1]
        self.tool_calls = tuple(ToolCall(f"call-{at}", *one) for one in left)
        self.text = "" if left else "Done."
        return super().stream(request, deadline=deadline)


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def client(script: Script) -> Iterator[EdgeRouter]:
    """Three experts in the cloud; routing chooses the smallest one that a constraint allows."""
    experts = {
        name: ExpertConfig("openai", name, "frontier", base_url="https://models.invalid")
        for name in LADDER
    }
    backends = {name: Scripted(name, script) for name in LADDER}
    with EdgeRouter(Config(experts=experts), backends=backends) as made:
        yield made


@pytest.fixture(autouse=True)
def _anew(script: Script) -> None:
    script.calls, script.asked = [], []


def read(path: str) -> str:
    """Fails for a file called missing."""
    if path == "missing":
        raise FileNotFoundError(path)
    return f"text of {path}"


def test_a_loop_carries_out_calls_until_the_model_answers(
    client: EdgeRouter, script: Script
) -> None:
    """The model reads each result; one expert does it all."""
    script.calls = [("read_file", '{"path": "a"}'), ("write_file", '{"path": "b"}')]
    done = ToolLoop(client, LADDER).run(
        REQUEST, call={"read_file": read, "write_file": lambda path: {"written": path}}
    )
    assert done.answer.text == "Done."
    assert [one.text for one in done.messages if one.role == "tool"] == [
        "text of a",
        '{"written": "b"}',
    ]
    assert len(set(done.experts)) == 1
    assert (done.signals.exploring, done.signals.producing, done.is_cut) == (1, 1, False)
    assert done.words.endswith("3 answers, 2 calls, 0 failed")
    assert done.answer.record.decision.reason is Reason.TOOL_LOOP


def test_a_stuck_loop_steps_up_once(client: EdgeRouter, script: Script) -> None:
    """After three failed calls, and no further however long it fails."""
    script.calls = [("read_file", '{"path": "missing"}')] * 9
    done = ToolLoop(client, LADDER).run(REQUEST, call={"read_file": read})
    first = LADDER.index(done.experts[0])
    above = LADDER[min(first + 1, 2)]
    assert done.experts == (*[LADDER[first]] * 3, *[above] * 7)
    assert "FileNotFoundError: missing" in done.messages[2].text
    assert done.signals.is_stuck


CALLS = st.tuples(
    st.sampled_from(["read_file", "write_file", "other"]),
    st.sampled_from(['{"path": "a"}', '{"path": "missing"}', "{}", "[]", "no JSON", ""]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # all are of the module
@given(st.permutations(LADDER), st.lists(CALLS, max_size=20))
def test_one_step_up_at_most_and_none_down(
    client: EdgeRouter, script: Script, ladder: list[str], calls: list[tuple[str, str]]
) -> None:
    """In a whole loop, whatever the model calls and however it fails."""
    script.calls, script.asked = calls, []
    done = ToolLoop(client, ladder).run(REQUEST, call={"read_file": read, "write_file": print})
    levels = [ladder.index(name) for name in script.asked]
    assert levels == sorted(levels)
    assert levels[-1] <= min(levels[0] + 1, len(ladder) - 1)
    assert len(levels) <= 16
    assert done.is_cut == (len(calls) >= 16)
    assert done.experts == tuple(script.asked)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("delete_disk", "{}"), "no tool is called 'delete_disk'"),
        (("read_file", '{"path": 3}'), "path must be of type string"),
        (("read_file", "{}"), "lacks 'path'"),
        (("read_file", "[1]"), "must be an object"),
        (("read_file", "{path"), "is not JSON"),
    ],
)
def test_what_a_model_calls_wrongly_is_not_executed(
    client: EdgeRouter, script: Script, call: tuple[str, str], words: str
) -> None:
    """It reads what is wrong, and the call counts as failed."""
    script.calls = [call]
    done = ToolLoop(client, LADDER).run(
        REQUEST, call={"read_file": pytest.fail, "delete_disk": pytest.fail}
    )
    assert done.messages[2].text.startswith("error: ")
    assert words in done.messages[2].text
    assert [step.failed for step in done.steps] == [True]


def test_a_long_or_odd_result_is_cut_and_written(client: EdgeRouter, script: Script) -> None:
    """A model reads 16,384 characters at most; what cannot be written is a failed call."""
    script.calls = [("read_file", '{"path": "a"}')] * 3
    circle: list[object] = []
    circle.append(circle)
    results = iter(["x" * 10**6, circle, "half \ud800"])
    done = ToolLoop(client, LADDER).run(REQUEST, call={"read_file": lambda **_: next(results)})
    said = [one.text for one in done.messages if one.role == "tool"]
    assert len(said[0]) == 16_384
    assert said[1].startswith("error: ValueError")
    assert said[2] == "half ?"


def test_a_result_that_says_it_is_an_error_is_a_failed_call(
    client: EdgeRouter, script: Script
) -> None:
    """As MCP's tools do, which do not raise; what is no error is written in its own script."""
    script.calls = [("read_file", '{"path": "a"}')] * 3
    results = iter([{"isError": True, "content": []}, "Error: no such file", {"text": "天气"}])
    done = ToolLoop(client, LADDER).run(REQUEST, call={"read_file": lambda **_: next(results)})
    assert [step.failed for step in done.steps] == [True, True, False]
    assert done.messages[-2].text == '{"text": "天气"}'


def test_an_asynchronous_tool_is_a_failed_call(client: EdgeRouter, script: Script) -> None:
    """Nothing would wait for it, and no warning is left behind."""

    async def slow(path: str) -> str:
        return path

    script.calls = [("read_file", '{"path": "a"}')]
    done = ToolLoop(client, LADDER).run(REQUEST, call={"read_file": slow})
    assert "asynchronous" in done.messages[2].text


def test_constraints_hold_for_every_step(client: EdgeRouter, script: Script) -> None:
    """A loop that may not leave this device does not begin in the cloud."""
    with pytest.raises(NoExpertFits):
        ToolLoop(client, LADDER).run(REQUEST, call={}, constraints=Constraints("only_on_device"))
    assert script.asked == []


def test_bad_ladders_and_tools_are_typed_errors(client: EdgeRouter) -> None:
    """Before anything is asked."""
    for ladder, words in ((("nobody",), "unknown"), (("small", "small"), "twice")):
        with pytest.raises(ConfigError, match=words):
            ToolLoop(client, ladder)
    with pytest.raises(ConfigError, match="most_answers"):
        ToolLoop(client, LADDER, most_answers=0)
    request = ChatRequest(REQUEST.messages, tools=(Tool("read", parameters={"type": "no type"}),))
    with pytest.raises(InvalidAgent, match="the parameters of 'read'"):
        ToolLoop(client, LADDER).run(request, call={})


def test_an_expert_that_is_not_on_the_ladder_stays(client: EdgeRouter, script: Script) -> None:
    """Whatever fails."""
    script.calls = [("other", "{}")] * 5
    first = client.complete("tidy up my notes").record.answered_by
    script.asked = []
    ladder = [name for name in LADDER if name != first]
    assert set(ToolLoop(client, ladder).run(REQUEST, call={}).experts) == {first}
