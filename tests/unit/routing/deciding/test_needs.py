"""What a request needs rules experts out that cannot do it, each with its own stable reason."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router import (
    ChatRequest,
    Config,
    Constraints,
    ExpertConfig,
    Message,
    Placement,
    Reason,
    Router,
)
from edge_router.chat.capability import Capability
from edge_router.errors import ConfigError, NoExpertFits
from edge_router.routing.deciding.reason import LACKS

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
NEAR = ExpertConfig("openai", "m", "8b", base_url="http://127.0.0.1:9/v1")
FAR = ExpertConfig(
    "openai", "big", "frontier", base_url="https://example.org/v1", audio=True, files=True,
    input_usd_per_million=1.0, output_usd_per_million=4.0, context_tokens=128_000,
)  # fmt: skip
EXPERTS = {"local": LOCAL, "near": NEAR, "far": FAR}
WEATHER = {"type": "function", "function": {"name": "weather"}}
FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LINK = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PAPER = {"type": "file", "file": {"file_id": "f-1"}}


@pytest.fixture(scope="module")
def router() -> Router:
    """A model in this process, a server here, a cloud; the cheapest answers what it can."""
    return Router.from_config(Config(experts=EXPERTS, min_gain=1.0))


def request(content: Any = "Hello there.", **settings: Any) -> ChatRequest:
    """One user message, with settings."""
    return ChatRequest(({"role": "user", "content": content},), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "out"),
    [
        (request(), {}),
        (request(tools=[WEATHER]), {"local": "no_tools"}),
        (request(response_format=FORM), {}),
        (request(logprobs=True), {"local": "no_logprobs"}),
        (request(reasoning_effort="low"), {"local": "no_reasoning", "near": "no_reasoning"}),
        (request([PICTURE]), {"local": "no_vision", "near": "no_vision"}),
        (request([SOUND]), {"local": "no_audio", "near": "no_audio"}),
        (request([PAPER]), {"local": "no_files", "near": "no_files"}),
        (request([PICTURE], tools=[WEATHER]), {"local": "no_tools", "near": "no_vision"}),
    ],
)
def test_an_expert_that_cannot_is_ruled_out(
    router: Router, asked: ChatRequest, out: dict[str, str]
) -> None:
    """By what its settings say, or what follows from its backend and its place."""
    decision = router.route(asked)
    assert decision.excluded == out
    assert decision.expert not in out
    assert not out.keys() & {*decision.fallbacks}


@pytest.mark.parametrize("capability", Capability)
def test_every_capability_is_a_setting_and_a_reason(capability: Capability) -> None:
    """Stated, it holds whatever is usual."""
    for can in (True, False):
        one = ExpertConfig("openai", "m", "8b", base_url=NEAR.base_url, **{capability: can})  # type: ignore[arg-type]
        assert one.capabilities[capability] is can
    assert LACKS[capability].value == f"no_{capability.value}"


@pytest.mark.parametrize("key", ["vision", "audio", "files", "reasoning", "logprobs"])
def test_a_model_in_this_process_reads_and_writes_text(key: str) -> None:
    """A setting that says otherwise is a mistake."""
    with pytest.raises(
        ConfigError, match=f"{key} = true in ExpertConfig, but a model in this proc"
    ):
        ExpertConfig("llama_cpp", "m.gguf", "1b", **{key: True})  # type: ignore[arg-type]


def test_where_nobody_can_the_error_says_who_lacks_what(router: Router) -> None:
    """And nothing is asked that would answer another request."""
    with pytest.raises(NoExpertFits, match=r"local \(it cannot see images\)") as caught:
        router.route(request([PICTURE]), Constraints(offline=True))
    assert caught.value.excluded == {
        "local": Reason.NO_VISION, "near": Reason.NO_VISION, "far": Reason.OFFLINE
    }  # fmt: skip


@pytest.mark.parametrize(
    "limits",
    [
        Constraints(offline=True),
        Constraints(Placement.ONLY_ON_DEVICE),
        Constraints(Placement.ONLY_ON_LAN),
    ],
)
def test_where_nothing_may_leave_no_image_is_fetched(limits: Constraints) -> None:
    """A server on this device would ask another one for it."""
    seeing = ExpertConfig("openai", "m", "8b", base_url=NEAR.base_url, vision=True)
    router = Router.from_config(Config(experts={"near": seeing}))
    assert router.route(request([PICTURE]), limits).expert == "near"
    assert router.route(request([LINK])).expert == "near"
    with pytest.raises(NoExpertFits) as caught:
        router.route(request([LINK]), limits)
    assert caught.value.excluded["near"] is Reason.REMOTE_PART


def test_a_tool_that_is_offered_answers_what_no_model_knows(router: Router) -> None:
    """A query that needs live data goes to the cheapest expert only where no tool can find out."""
    text = "What is the weather in Ulm right now?"
    assert router.route(text).reason is Reason.NEEDS_TOOLS
    with_tools = router.route(request(text, tools=[WEATHER]))
    assert with_tools.reason is not Reason.NEEDS_TOOLS
    assert with_tools.needs_tools == router.route(text).needs_tools


def _estimates(router: Router, messages: list[Message]) -> dict[str, float]:
    decision = router.route(ChatRequest(tuple(messages)))
    return {name: one.quality for name, one in decision.estimates.items()}


def test_an_explanation_says_who_lacks_what(router: Router) -> None:
    """And offers no change that would make an expert able."""
    decision = router.route(request([PICTURE]))
    explained = router.explain(decision)
    out = {one["name"]: one["excluded"] for one in explained.to_json()["experts"]}
    assert out == {"local": "no_vision", "near": "no_vision", "far": None}
    assert not any(change.expert in ("local", "near") for change in explained.changes)


def test_long_results_and_system_prompts_push_nothing_to_the_cloud() -> None:
    """The router reads what users say; as long as all fits, the rest changes no expected quality
    and no choice."""
    wide = {"near": NEAR, "far": FAR}
    router = Router.from_config(Config(experts=wide))
    asked = Message("user", "Is it warm there?")
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    long = "Prove the four colour theorem in full detail. " * 400
    short, tall = (
        ChatRequest.of(
            [Message("system", said), asked, call, Message("tool", said, tool_call_id="1")]
        )
        for said in ("21 degrees.", long)
    )
    decisions = [router.route(one) for one in (short, tall)]
    assert decisions[0].expert == decisions[1].expert
    assert decisions[0].reason == decisions[1].reason
    qualities = [{n: e.quality for n, e in d.estimates.items()} for d in decisions]
    assert qualities[0] == qualities[1] == _estimates(router, [asked])


def test_what_does_not_fit_is_ruled_out_first(router: Router) -> None:
    """Tools and their results are part of the turn that a context must hold whole."""
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    result = Message("tool", "lorem ipsum " * 3000, tool_call_id="1")
    tooled = ExpertConfig("openai", "m", "8b", base_url=NEAR.base_url, context_tokens=2048)
    small = Router.from_config(Config(experts={"near": tooled, "far": FAR}))
    decision = small.route([Message("user", "And?"), call, result])
    assert decision.excluded == {"near": Reason.CONTEXT_LENGTH}
    heavy = {"type": "function", "function": {"name": "f", "description": "lorem ipsum " * 3000}}
    assert small.route(request(tools=[heavy])).excluded == {"near": Reason.CONTEXT_LENGTH}
