"""Spans of answers, as the OpenTelemetry SDK's in-memory exporter gets them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from edge_router.client.spans import SpanHook
from edge_router.errors import BackendUnavailable, MissingExtra
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

CONFIG = Config(experts={"local": LOCAL, "cloud": CLOUD}, min_gain=1.0)
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


def spans_of(query: str = "Why?", *, stream: bool = False, inside: bool = False) -> list[Any]:
    """The spans of one answer; the local expert is asked first and fails."""
    pytest.importorskip("opentelemetry.sdk", reason="no opentelemetry-sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    backends = {
        "local": FakeBackend(error=BackendUnavailable(f"refused with {SECRET}")),
        "cloud": FakeBackend("from there"),
    }
    hook = SpanHook(CONFIG, provider=provider)
    with EdgeRouter(CONFIG, backends=backends, hooks=[hook]) as router:
        if inside:
            with provider.get_tracer("app").start_as_current_span("request"):
                router.complete(query)
        elif stream:
            list(router.stream(query))
        else:
            router.complete(query)
    return list(exporter.get_finished_spans())


@pytest.mark.parametrize("stream", [False, True])
def test_each_attempt_and_the_decision_are_children_of_the_answer(stream: bool) -> None:
    """In the order of time, within it."""
    decide, local, cloud, answer = spans_of(stream=stream)
    assert [one.name for one in (decide, answer)] == ["edge_router decide", "edge_router answer"]
    assert {one.parent.span_id for one in (decide, local, cloud)} == {answer.context.span_id}
    assert answer.start_time == decide.start_time <= decide.end_time
    assert local.start_time <= local.end_time <= cloud.start_time <= cloud.end_time
    assert cloud.end_time <= answer.end_time
    assert answer.attributes["edge_router.reason"] == "fallback"
    assert decide.attributes["edge_router.reason"] == "cheapest_is_enough"


def test_attempts_have_the_attributes_of_generative_ai() -> None:
    """By the names of the semantic conventions, as the SDK's own package spells them."""
    names = pytest.importorskip(
        "opentelemetry.semconv._incubating.attributes.gen_ai_attributes", reason="no semconv"
    )
    _, local, cloud, _ = spans_of()
    said = cloud.attributes
    assert cloud.kind.name == "CLIENT"
    assert said[names.GEN_AI_OPERATION_NAME] == "chat"
    assert said[names.GEN_AI_PROVIDER_NAME] == "openai"
    assert said[names.GEN_AI_REQUEST_MODEL] == CLOUD.model
    assert cloud.name == f"chat {CLOUD.model}"
    assert said[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop",)
    assert said[names.GEN_AI_USAGE_OUTPUT_TOKENS] > 0
    assert said[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] >= 0
    assert said["server.address"] == "127.0.0.1"
    assert local.status.status_code.name == "ERROR"
    assert local.attributes["error.type"] == "BackendUnavailable"
    assert names.GEN_AI_USAGE_OUTPUT_TOKENS not in local.attributes


def test_a_callers_span_is_the_parent() -> None:
    """Though hooks run in a thread of their own."""
    spans = {one.name: one for one in spans_of(inside=True)}
    assert spans["edge_router answer"].parent.span_id == spans["request"].context.span_id


def test_no_text_and_no_key_is_in_them() -> None:
    """Neither of the query nor of the answer."""
    text = "".join(one.to_json() for one in spans_of("my secret question"))
    assert "secret question" not in text
    assert "from there" not in text
    assert SECRET not in text


def test_without_the_package_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the hook is made, not at the first answer."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edge-router\[otel\]'"):
        SpanHook(CONFIG)
