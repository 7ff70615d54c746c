"""The sync and the async client decide, answer and record alike: 500 requests to each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from edge_router import (
    Answer,
    AnswerRecord,
    AsyncEdgeRouter,
    ChatRequest,
    Config,
    Constraints,
    EdgeRouter,
    EdgeRouterError,
    Message,
)
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ToolCall
from edge_router.device.machine import DeviceState
from edge_router.errors import BackendRejected, BackendUnavailable, ContextExceeded
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

REQUESTS = 500
SPEED = {"start_s": 0.1, "input_tokens_per_s": 1000.0, "output_tokens_per_s": 50.0}
HERE = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", **SPEED}
PRICE = {"input_usd_per_million": 2.0, "output_usd_per_million": 8.0}
EXPERTS = {
    "small": ExpertConfig(model="small", profile="135m", context_tokens=600, **HERE),
    "middle": ExpertConfig(model="middle", profile="3b", location="cloud", **HERE, **PRICE),
    "big": ExpertConfig(model="big", profile="frontier", location="cloud", **HERE, **PRICE),
}
WORDS = "prove that every lake in the valley freezes before the first of January or say why".split()
TOOL = {"type": "function", "function": {"name": "lake", "parameters": {"type": "object"}}}
CALL = ToolCall("1", "lake")
DOWN = BackendUnavailable("down", retry_after_s=0.0)
FAULTS = (None,) * 12 + (DOWN, BackendRejected("400"), ContextExceeded("too long"))


class Calm:
    """A device in which nothing changes."""

    def state(self) -> DeviceState:
        return DeviceState()


class Moody(FakeBackend):
    """Answers, thinks, calls a tool or fails by the words of the request, so that both clients
    meet the same."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def stream(self, request: ChatRequest, *, deadline: Deadline) -> Iterator[ChatChunk]:  # type: ignore[override]
        draw = random.Random(f"{self._name} {request.question}")
        chosen = FakeBackend(
            " ".join(draw.choices(WORDS, k=draw.randint(1, 40))),
            error=draw.choice(FAULTS),
            fail_after=draw.choice((0, 0, 3)),
            reasoning_content=draw.choice(("", "", "Hm, let me see.")),
            tool_calls=[CALL] * draw.choice((0, 0, 0, 1)),
        )
        return chosen.stream(request, deadline=deadline)


def requests() -> Iterator[tuple[ChatRequest, Constraints | None]]:
    """Long and short ones, conversations, tools, limits."""
    draw = random.Random(18)
    for number in range(REQUESTS):
        text = f"{number} " + " ".join(draw.choices(WORDS, k=draw.choice((3, 10, 40, 400))))
        past = [Message("user", "Hello"), Message("assistant", "Hi.")] * draw.randint(0, 2)
        extra: dict[str, Any] = {"tools": [TOOL]} if draw.random() < 0.1 else {}
        limits = draw.choice((None, None, None, {"placement": "only_on_device"},
                              {"max_cost_usd": 0.001}, {"offline": True}))  # fmt: skip
        yield (
            ChatRequest((*past, Message("user", text)), max_tokens=draw.choice((8, 64)), **extra),
            None if limits is None else Constraints(**limits),
        )


def comparable(answer: Answer) -> Answer:
    """The answer without what differs from one run to the next."""
    return replace(answer, record=untimed(answer.record))


def untimed(record: AnswerRecord) -> AnswerRecord:
    attempts = tuple(replace(one, started_s=0.0, total_s=0.0) for one in record.attempts)
    return replace(record, id="", router_s=0.0, first_token_s=0.0, total_s=0.0, attempts=attempts)


def outcome_of(error: EdgeRouterError) -> tuple[str, str]:
    return type(error).__name__, str(error)


@pytest.mark.slow
def test_five_hundred_requests_have_the_same_outcome() -> None:
    """Decisions, texts, thoughts, calls, failures and costs; errors by type and words."""
    made: dict[str, Any] = {"device": Calm(), "draw": random.Random(5).random}
    config = Config(experts=EXPERTS, budget_usd=0.5, min_gain=0.1)

    def clients() -> tuple[EdgeRouter, AsyncEdgeRouter]:
        backends = {name: Moody(name) for name in EXPERTS}
        pair = (
            EdgeRouter(config, backends=backends, **made),
            AsyncEdgeRouter(config, backends=backends, **made),
        )
        for experience in (pair[0].experience, pair[1].sync.experience):
            experience._clock = lambda: 100.0  # a connection ages for both alike
        return pair

    async def main() -> dict[str, int]:
        seen: dict[str, int] = {}
        sync_client, async_client = clients()
        async with async_client:
            for request, limits in requests():
                outcomes: list[Any] = []
                try:
                    one = sync_client.complete(request, constraints=limits)
                    outcomes.append(comparable(one))
                except EdgeRouterError as error:
                    outcomes.append(outcome_of(error))
                try:
                    other = await async_client.complete(request, constraints=limits)
                    outcomes.append(comparable(other))
                except EdgeRouterError as error:
                    outcomes.append(outcome_of(error))
                assert outcomes[0] == outcomes[1], request.question[:60]
                last = outcomes[0]
                reason = last.record.reason if isinstance(last, Answer) else last[0]
                seen[reason] = seen.get(reason, 0) + 1
        sync_client.close()
        return seen

    seen = asyncio.run(main())
    assert sum(seen.values()) == REQUESTS
    assert {"fallback", "context_exceeded", "BackendRejected"} <= seen.keys()
