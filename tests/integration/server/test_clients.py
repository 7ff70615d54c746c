"""Real clients against the server, each in its own process, and a conformance suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_router import Config, EdgeRouter
from edge_router.backends.deadline import Deadline
from edge_router.chat.message import ToolCall
from edge_router.chat.request import ChatRequest
from edge_router.errors import BackendProtocolError, BackendRejected
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL
from serving import Served, run_client, serving

PROGRAMS = Path(__file__).parent / "clients"
CALL = ToolCall("call_1", "weather", '{"city": "Ulm"}')
BACKENDS = {
    "local": FakeBackend("from here"),
    "cloud": FakeBackend("from the cloud"),
    "caller": FakeBackend("", tool_calls=[CALL]),
    "writer": FakeBackend('{"city":"Ulm"}'),
    "thinker": FakeBackend("from here", reasoning_content="let me see"),
    "down": FakeBackend(error=DOWN),
    "refuser": FakeBackend(error=BackendRejected("the key is wrong")),
    "breaker": FakeBackend("one two three", error=BackendProtocolError("it broke"), fail_after=2),
    "slow": FakeBackend(delay_s=5.0),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with an expert for each thing that can happen."""
    able = replace(LOCAL, tools=True, json_schema=True)
    experts = dict.fromkeys(BACKENDS, able) | {"cloud": replace(CLOUD, tools=True)}
    config = Config(experts=experts, min_gain=-1.0, deadline_s=20.0)
    with serving(EdgeRouter(config, backends=BACKENDS)) as running:
        yield running


def test_openai_python(served: Served) -> None:
    """Sync, async, streamed, tools, a JSON schema, responses, timeouts, and its own errors."""
    assert "all well" in run_client("openai", PROGRAMS / "openai_python.py", served.url)


def test_litellm(served: Served) -> None:
    """LiteLLM's SDK with the server as an OpenAI-compatible provider."""
    assert "all well" in run_client("litellm", PROGRAMS / "litellm_sdk.py", served.url)


class Weigher(FakeBackend):
    """Weighs names by letters that the text has, so that the same question has the same answer."""

    can_choose = True

    def choose(
        self, request: ChatRequest, names: Sequence[str], *, deadline: Deadline
    ) -> tuple[float, ...]:
        text = request.messages[-1].text
        weights = [1.0 + sum(map(text.count, name)) % 7 + len(name) % 3 for name in names]
        return tuple(weight / sum(weights) for weight in weights)


def test_jevcompat() -> None:
    """The conformance suite of /v1/systemone finds every MUST and every SHOULD that it tests."""
    router = EdgeRouter(Config(experts={"local": LOCAL}), backends={"local": Weigher()})
    with serving(router) as running:
        said = run_client("jevcompat", PROGRAMS / "jevcompat_suite.py", running.root)
    assert "conformant to spec 0.1: MUST 32/32, SHOULD 12/12" in said


def test_llm(served: Served, tmp_path: Path) -> None:
    """llm with the server as an endpoint of its own settings file; tools and a schema too."""
    program = PROGRAMS / "llm_plugin.py"
    assert "all well" in run_client("llm", program, served.url, str(tmp_path))
