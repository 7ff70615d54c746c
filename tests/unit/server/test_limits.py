"""How many answers run at once, how many wait, and how much may be read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edge_router.errors import ConfigError
from edge_router.server.limits import Admission, BodyBudget, Limits
from edge_router.server.wire.errors import Refused


@pytest.mark.parametrize(
    "wrong", [{"answers": 0}, {"queue": -1}, {"body_s": float("nan")}, {"max_tokens": "many"}]
)
def test_what_is_no_limit_is_refused(wrong: dict[str, Any]) -> None:
    """By its name."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Limits(**wrong)


def test_answers_wait_in_their_order_and_the_rest_is_refused() -> None:
    """One runs, one waits, the third gets 429 with a time to come back."""

    async def work() -> list[str]:
        admission, log = Admission(Limits(answers=1, queue=1)), []
        free = asyncio.Event()

        async def answer(name: str) -> None:
            async with admission.place():
                log.append(name)
                await free.wait()

        first, second = asyncio.create_task(answer("first")), asyncio.create_task(answer("second"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (admission.running, admission.waiting) == (1, 1)
        with pytest.raises(Refused, match="server is busy") as caught:
            await answer("third")
        assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "1"})
        free.set()
        await asyncio.gather(first, second)
        assert (admission.running, admission.waiting) == (0, 0)
        return log

    assert asyncio.run(work()) == ["first", "second"]


def test_waiting_ends() -> None:
    """With 429, and the place in the queue is free again; so it is after a cancellation."""

    async def work() -> None:
        admission = Admission(Limits(answers=1, queue=1, queue_s=0.01))
        async with admission.place():
            with pytest.raises(Refused, match=r"within 0\.01 s"):
                await admission.place().__aenter__()
            waiting = asyncio.create_task(admission.place().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert admission.waiting == 0
        async with admission.place():
            assert admission.running == 1

    asyncio.run(work())


def test_bodies_share_a_budget() -> None:
    """What is given back can be taken again."""
    budget = BodyBudget(10)
    budget.take(8)
    with pytest.raises(Refused, match="too many large requests"):
        budget.take(3)
    budget.give_back(8)
    budget.take(10)
