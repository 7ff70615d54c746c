"""AsyncEdgeRouter beside EdgeRouter, over many requests: the same decisions and records."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from edge_router import Answer, AnswerRecord, AsyncEdgeRouter, Config, Constraints, EdgeRouter
from edge_router.chat.completion import ChatRequest, Message, ToolCall
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL


def _comparable(record: AnswerRecord) -> AnswerRecord:
    """Without what no two answers have in common: their ids and their times."""
    attempts = tuple(
        replace(one, started_s=0.0, total_s=0.0, cost_usd=0.0) for one in record.attempts
    )
    return replace(
        record,
        id="", router_s=0.0, first_token_s=0.0, total_s=0.0, cost_usd=0.0, attempts=attempts,
    )  # fmt: skip


@pytest.mark.slow
def test_500_requests_are_decided_and_recorded_as_by_the_sync_client() -> None:
    """One after another, with experts that fail, think and call tools at times."""

    def backends() -> dict[str, Any]:
        return {
            "local": FakeBackend("from here", reasoning_content="Hm."),
            "cloud": FakeBackend("from there", tool_calls=[ToolCall("1", "f")]),
        }

    requests = [
        ChatRequest((Message("user", f"What is {n} times {n * 7}?" * (1 + n % 5)),), seed=n)
        for n in range(500)
    ]
    limits = [None, Constraints(offline=True), Constraints(max_cost_usd=0.001)]
    config = Config(experts={"local": LOCAL, "cloud": CLOUD}, min_gain=0.0)
    with EdgeRouter(config, backends=backends()) as sync:
        expected = [sync.complete(r, constraints=limits[n % 3]) for n, r in enumerate(requests)]

    async def work() -> list[Answer]:
        async with AsyncEdgeRouter(config, backends=backends()) as router:
            asked = enumerate(requests)
            return [await router.complete(r, constraints=limits[n % 3]) for n, r in asked]

    answers = asyncio.run(work())
    # Latencies are learned from real times, so estimates of two runs differ in those alone.
    for one, other in zip(answers, expected, strict=True):
        assert one.record.decision.expert == other.record.decision.expert
        assert one.record.decision.reason == other.record.decision.reason
        assert one.record.decision.excluded == other.record.decision.excluded
        plain = replace(other.record.decision, estimates={}, grounds=None)
        records = [_comparable(replace(answer.record, decision=plain)) for answer in (one, other)]
        assert records[0] == records[1]
        assert replace(one, record=other.record) == other
