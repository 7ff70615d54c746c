"""The plugin's models with llm's own Python API, two fake experts behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("llm", reason="the extra `llm` is not installed")

import llm

from edge_router import Config, EdgeRouter
from edge_router.chat.message import ToolCall
from edge_router.cli.llm_plugin.models import (
    AsyncExpertModel,
    AsyncRouterModel,
    ExpertModel,
    RouterModel,
    register_models,
)
from edge_router.errors import BackendProtocolError, ConfigError, InvalidRequest, NoExpertFits
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL

ABLE = replace(LOCAL, tools=True, json_schema=True)
CALL = ToolCall("call_1", "weather", '{"city": "Ulm"}')


class Experts:
    """One router for all models of a test, and its fake experts by name."""

    def __init__(self) -> None:
        self.fakes = {
            "local": FakeBackend("from here", reasoning_content="let me see"),
            "cloud": FakeBackend("from the cloud"),
            "caller": FakeBackend("", tool_calls=[CALL]),
            "mumbler": FakeBackend("", tool_calls=[ToolCall("call_1", "weather", "[1")]),
            "down": FakeBackend(error=DOWN),
            "slow": FakeBackend("one two three", delay_s=9.0),
        }
        experts = dict.fromkeys(self.fakes, ABLE) | {"cloud": CLOUD}
        config = Config(experts=experts, min_gain=-1.0, deadline_s=20.0)
        self.router = EdgeRouter(config, backends=self.fakes)

    def named(self, name: str) -> ExpertModel:
        return ExpertModel(f"edge-router/{name}", name, opened=lambda: self.router)

    @property
    def routed(self) -> RouterModel:
        return RouterModel("edge-router", opened=lambda: self.router)


@pytest.fixture(scope="module")
def experts() -> Iterator[Experts]:
    """Made once; nothing in them changes but the requests that they keep."""
    made = Experts()
    yield made
    made.router.close()


def weather(city: str) -> str:
    """The weather of a city."""
    return f"12 degrees in {city}"


def test_the_router_and_each_expert_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync and async; settings that cannot be read leave the router, which says why."""
    pairs: list[tuple[llm.Model, llm.AsyncModel]] = []
    register_models(lambda *pair: pairs.append(pair))
    assert [one.model_id for one, _ in pairs] == ["edge-router", "edge-router/local"]
    assert [one.model_id for _, one in pairs] == ["edge-router", "edge-router/local"]
    monkeypatch.setenv("EDGE_ROUTER_MIN_GAIN", "plenty")
    pairs.clear()
    register_models(lambda *pair: pairs.append(pair))
    assert [one.model_id for one, _ in pairs] == ["edge-router"]


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_says_who_gave_it(experts: Experts, stream: bool) -> None:
    """With its usage, the id for `feedback`, and what the expert thought apart from the text."""
    response = experts.named("local").prompt("Why?", stream=stream)
    assert "".join(response).strip() == "from here"
    assert (response.usage().input, response.usage().output) == (1, 2)
    said = response.response_json["edge_router"]
    assert (said["expert"], said["reason"]) == ("local", "asked_by_name")
    assert response.resolved_model == "local"
    json.dumps(response.response_json)
    (message,) = response.messages()
    assert [type(part).__name__ for part in message.parts] == ["ReasoningPart", "TextPart"]


def test_the_router_chooses_and_an_option_changes_its_choice(experts: Experts) -> None:
    """The settings want the cloud; the preference, the limit and the price want the device."""
    ask = experts.routed.prompt
    assert ask("Why?").text() == "from the cloud"
    assert "cloud" not in ask("Why?", preference="cost").text()
    assert "cloud" not in ask("Why?", min_gain=1.0).text()
    assert "cloud" not in ask("Why?", placement="only_on_device").text()
    assert "cloud" not in ask("Why?", offline=True).text()
    assert ask("Why?", operating_point="quality").text()


def test_a_conversation_is_sent_whole(experts: Experts) -> None:
    """With its system prompt, the sampling of this turn, and the turns before."""
    talk = experts.named("local").conversation()
    talk.prompt("Why?", system="Be brief.").text()
    talk.prompt("And then?", temperature=0.5, max_tokens=7, stop="END", seed=3).text()
    request = experts.fakes["local"].requests[-1]
    assert [(m.role, m.text.strip()) for m in request.messages] == [
        ("system", "Be brief."),
        ("user", "Why?"),
        ("assistant", "from here"),
        ("user", "And then?"),
    ]
    sampling = (request.temperature, request.max_tokens, request.stop, request.seed)
    assert sampling == (0.5, 7, ("END",), 3)


def test_a_tool_is_called_and_its_result_goes_back(experts: Experts) -> None:
    """Under the id of the call, behind the message that makes it."""
    talk = experts.named("caller").conversation(tools=[weather])
    first = talk.prompt("Weather?")
    (result,) = first.execute_tool_calls()
    assert (result.output, result.tool_call_id) == ("12 degrees in Ulm", "call_1")
    talk.prompt("Well?", tool_results=[result]).text()
    asked, called, answered, last = experts.fakes["caller"].requests[-1].messages
    assert (asked.text, last.text) == ("Weather?", "Well?")
    assert [(call.id, call.name) for call in called.tool_calls] == [("call_1", "weather")]
    assert (answered.role, answered.text, answered.tool_call_id) == (
        "tool", "12 degrees in Ulm", "call_1",
    )  # fmt: skip


def test_arguments_that_are_no_object_are_an_error(experts: Experts) -> None:
    """A tool is not called with what the expert did not write whole."""
    with pytest.raises(BackendProtocolError, match="weather with what is no JSON object"):
        experts.named("mumbler").prompt("Weather?", tools=[weather]).text()


def test_a_schema_is_asked_for(experts: Experts) -> None:
    """As OpenAI's response_format; an expert that cannot is ruled out, with the reason."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    experts.named("local").prompt("Where?", schema=schema).text()
    form = experts.fakes["local"].requests[-1].response_format
    assert form is not None
    assert form.schema == schema
    unable = EdgeRouter(Config(experts={"a": replace(LOCAL, json_schema=False)}, min_gain=-1.0))
    model = ExpertModel("edge-router/a", "a", opened=lambda: unable)
    with unable, pytest.raises(NoExpertFits, match="schema"):
        model.prompt("Where?", schema=schema).text()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"temperture": 1}, ValueError, "did you mean temperature"),
        ({"xyzzy": 1}, ValueError, "no option 'xyzzy'; use placement"),
        ({"temperature": "hot"}, ValueError, "temperature"),
        ({"temperature": -1}, InvalidRequest, "must be 0 or more"),
        ({"max_tokens": 0}, InvalidRequest, "max_tokens is 0"),
        ({"placement": "mars"}, ConfigError, "'mars'.*only_on_device"),
        ({"min_gain": "nan"}, ConfigError, "min_gain"),
        ({"min_gain": 0.1, "preference": "cost"}, ConfigError, "two ways"),
        ({"operating_point": "x"}, ConfigError, "'x' is unknown; use one of economy"),
        ({"preference": "best"}, ConfigError, "'best' is unknown"),
    ],
)
def test_a_wrong_option_says_what_is_right(
    experts: Experts, options: dict[str, object], error: type[Exception], words: str
) -> None:
    """Before any expert is asked."""
    asked = sum(len(fake.requests) for fake in experts.fakes.values())
    with pytest.raises(error, match=words):
        experts.routed.prompt("Why?", **options).text()
    assert sum(len(fake.requests) for fake in experts.fakes.values()) == asked


def test_no_url_is_asked_for_where_nothing_may_leave(
    experts: Experts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the type of an attachment nor for its content, by the limits of one prompt."""
    monkeypatch.setattr(llm.Attachment, "base64_content", None)
    picture = llm.Attachment(type="image/png", url="https://example.org/a.png")
    sound = llm.Attachment(type="audio/wav", url="https://example.org/a.wav")
    for one in (picture, sound):
        for limit in ({"offline": True}, {"placement": "only_on_device"}):
            response = experts.routed.prompt("What is it?", attachments=[one], **limit)
            with pytest.raises(InvalidRequest, match="attach the file itself"):
                response.text()


def test_an_expert_asked_by_name_has_no_choice(experts: Experts) -> None:
    """No option for it, and nobody steps in where it fails."""
    with pytest.raises(ValueError, match="no option 'min_gain'"):
        experts.named("local").prompt("Why?", min_gain=0.1).text()
    with pytest.raises(Exception, match="connection refused"):
        experts.named("down").prompt("Why?").text()


def test_an_answer_that_is_left_is_cancelled(experts: Experts) -> None:
    """Whoever stops to iterate waits for nothing."""
    response = iter(experts.named("local").prompt("Why?"))
    next(response)
    response.close()  # type: ignore[attr-defined]
    assert not experts.router._streams or all(one.record for one in experts.router._streams)


async def _asked(model: AsyncRouterModel | AsyncExpertModel) -> tuple[str, int, str]:
    response = model.prompt("Why?")
    text = "".join([piece async for piece in response])
    usage = await response.usage()
    return text.strip(), usage.output, response.response_json["edge_router"]["expert"]


def test_async_models_answer_alike(experts: Experts) -> None:
    """Streamed and whole, in a conversation, and with the same errors."""
    routed = AsyncRouterModel("edge-router", opened=lambda: experts.router)
    local = AsyncExpertModel("edge-router/local", "local", opened=lambda: experts.router)

    async def talk() -> str:
        conversation = local.conversation()
        await conversation.prompt("Why?", stream=False)
        text: str = await conversation.prompt("And?").text()
        return text.strip()

    async def wrong() -> None:
        await routed.prompt("Why?", operating_point="x")

    assert asyncio.run(_asked(routed)) == ("from the cloud", 3, "cloud")
    assert asyncio.run(_asked(local)) == ("from here", 2, "local")
    assert asyncio.run(talk()) == "from here"
    assert len(experts.fakes["local"].requests[-1].messages) == 3
    with pytest.raises(ConfigError, match="'x' is unknown"):
        asyncio.run(wrong())


def test_a_cancelled_task_cancels_the_answer(experts: Experts) -> None:
    """At once, though the expert would wait for seconds."""
    slow = AsyncExpertModel("edge-router/slow", "slow", opened=lambda: experts.router)

    async def give_up() -> None:
        async with asyncio.timeout(0.05):
            await slow.prompt("Why?")

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
