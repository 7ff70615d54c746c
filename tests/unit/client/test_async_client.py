"""AsyncEdgeRouter: the sync client's answers and records, and an event loop that runs on."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from edge_router import (
    AllBackendsFailed,
    Answer,
    AnswerRecord,
    AsyncEdgeRouter,
    Config,
    Constraints,
)
from edge_router.chat.completion import ToolCall
from edge_router.errors import BackendRejected, InvalidRequest, RouterClosed
from edge_router.testing import FakeBackend
from fault_server import STREAM_HEAD, FaultServer, Peer, piece
from made_experts import CLOUD, DOWN, LOCAL

LONG = " ".join(["word"] * 400)


def make(
    local: FakeBackend, cloud: FakeBackend | None = None, **settings: Any
) -> Callable[[], AsyncEdgeRouter]:
    """A router that wants the cloud, if there is one."""
    experts = {"local": LOCAL, "cloud": CLOUD} if cloud else {"local": LOCAL}
    config = Config(experts=experts, min_gain=-1.0, deadline_s=10.0)
    backends = {"local": local, "cloud": cloud} if cloud else {"local": local}
    return lambda: AsyncEdgeRouter(config, backends=backends, **settings)


def run(
    made: Callable[[], AsyncEdgeRouter], work: Callable[[AsyncEdgeRouter], Coroutine[Any, Any, Any]]
) -> Any:
    """The result of `work` with a router that is closed after it."""

    async def main() -> Any:
        async with made() as router:
            return await work(router)

    return asyncio.run(main())


def test_a_whole_answer() -> None:
    """The same value as the sync client's."""
    calls = [ToolCall("1", "f", "{}")]
    expert = FakeBackend("It is.", reasoning_content="Hm.", tool_calls=calls)
    answer: Answer = run(make(expert), lambda router: router.complete("Why?"))
    assert (answer.text, answer.tool_calls, answer.reasoning_content) == (
        "It is.",
        (*calls,),
        "Hm. ",
    )
    assert answer.record.ended == "complete"


def test_a_stream_has_its_decision_first_and_its_record_last() -> None:
    """As the sync client's stream has."""

    async def work(router: AsyncEdgeRouter) -> list[str]:
        waiting = router.stream("Why?")
        assert waiting.decision is None
        async with waiting as stream:
            assert stream.decision is not None
            assert stream.record is None
            texts = [chunk.delta async for chunk in stream]
        assert stream.record is not None
        assert stream.record.finish_reason == "stop"
        return texts

    assert run(make(FakeBackend("one two")), work) == ["one", " two", ""]


def test_a_stream_may_be_iterated_as_it_is() -> None:
    """Without a block of its own."""

    async def work(router: AsyncEdgeRouter) -> str:
        return "".join([chunk.delta async for chunk in router.stream("Why?")])

    assert run(make(FakeBackend("one two")), work) == "one two"


@pytest.mark.parametrize(
    ("expert", "prompt", "kind"),
    [
        (FakeBackend(error=DOWN), "Why?", AllBackendsFailed),
        (FakeBackend(error=BackendRejected("no")), "Why?", BackendRejected),
        (FakeBackend(), "", InvalidRequest),
    ],
)
def test_errors_are_those_of_the_sync_client(
    expert: FakeBackend, prompt: str, kind: type[Exception]
) -> None:
    """Whole or streamed."""

    async def stream(router: AsyncEdgeRouter) -> None:
        async for _ in router.stream(prompt):
            pass

    for work in (stream, lambda router: router.complete(prompt)):
        with pytest.raises(kind):
            run(make(expert), work)


def test_constraints_and_fallbacks_hold() -> None:
    """They are decided by the same code."""
    made = make(FakeBackend("here"), FakeBackend(error=DOWN))
    answer = run(made, lambda router: router.complete("Why?"))
    assert (answer.text, [*answer.record.failures]) == ("here", ["cloud"])
    limits = Constraints(offline=True)
    answer = run(
        make(FakeBackend("here"), FakeBackend("far")),
        lambda router: router.complete("Why?", constraints=limits),
    )
    assert answer.record.answered_by == "local"


def test_the_event_loop_runs_on_while_20_answers_do() -> None:
    """No answer holds it up, not even the first one, which loads the encoder."""
    gaps: list[float] = []

    async def ticks() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    async def work(router: AsyncEdgeRouter) -> list[Answer]:
        ticking = asyncio.create_task(ticks())
        answers = await asyncio.gather(*(router.complete(f"Why {n}?") for n in range(20)))
        ticking.cancel()
        return answers

    answers = run(make(FakeBackend("a b c d e f g h", delay_s=0.02)), work)
    assert [answer.text for answer in answers] == ["a b c d e f g h"] * 20
    assert sorted(gaps)[len(gaps) // 2] < 0.02  # a shared machine stalls at times


def _threads() -> int:
    return sum(thread.name == "edge-router answer" for thread in threading.enumerate())


def _wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    assert true()


def test_a_cancelled_task_cancels_the_answer() -> None:
    """Whole or streamed; the record says so, and nothing of it runs on."""
    records: list[AnswerRecord] = []

    async def stream(router: AsyncEdgeRouter) -> None:
        async with router.stream("Why?") as answer:
            async for _ in answer:
                pass

    async def work(router: AsyncEdgeRouter) -> None:
        for coroutine in (router.complete("Why?"), stream(router)):
            task = asyncio.create_task(coroutine)
            await asyncio.sleep(0.2)
            started = time.perf_counter()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.perf_counter() - started < 2.0  # of an answer of 20 seconds

    run(make(FakeBackend(LONG, delay_s=0.05), hooks=[records.append]), work)
    _wait_until(lambda: len(records) == 2 and _threads() == 0)
    assert {record.ended for record in records} == {"cancelled"}


def test_a_cancelled_task_closes_the_connection() -> None:
    """A server that says nothing is not waited for."""
    gone: list[bool] = []

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + piece("One "))
        gone.append(peer.gone())

    async def work(url: str) -> None:
        expert = replace(LOCAL, base_url=url)
        async with AsyncEdgeRouter(Config(experts={"local": expert})) as router:
            await router.warm_up()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(router.complete("Why?"), 0.3)

    with FaultServer(script) as server:
        asyncio.run(work(server.url))
    assert gone == [True]


def test_a_stream_that_is_dropped_is_cancelled() -> None:
    """Nobody can read it any more."""
    records: list[AnswerRecord] = []

    async def work(router: AsyncEdgeRouter) -> None:
        stream = router.stream("Why?")
        await anext(stream)
        del stream
        gc.collect()
        until = time.monotonic() + 5
        while not records and time.monotonic() < until:
            await asyncio.sleep(0.02)

    run(make(FakeBackend(LONG, delay_s=0.05), hooks=[records.append]), work)
    assert [record.ended for record in records] == ["cancelled"]


def test_two_tasks_that_share_a_stream_both_come_to_its_end() -> None:
    """Each piece goes to one of them, and neither waits for ever."""

    async def work(router: AsyncEdgeRouter) -> list[str]:
        async def pieces() -> list[str]:
            return [chunk.delta async for chunk in stream]

        async with router.stream("Why?") as stream:
            first, second = await asyncio.wait_for(asyncio.gather(pieces(), pieces()), 10)
        return first + second

    assert sorted(run(make(FakeBackend("a b c")), work)) == ["", " b", " c", "a"]


def test_closing_the_router_ends_its_answers() -> None:
    """Their tasks get RouterClosed, and so does whoever asks later."""

    async def main() -> None:
        router = make(FakeBackend(LONG, delay_s=0.05))()
        task = asyncio.create_task(router.complete("Why?"))
        await asyncio.sleep(0.2)
        await router.aclose()
        await router.aclose()
        with pytest.raises(RouterClosed):
            await task
        with pytest.raises(RouterClosed):
            await router.complete("Why?")

    asyncio.run(main())


def test_feedback_is_kept(tmp_path: Any) -> None:
    """As by the sync client."""

    async def work(router: AsyncEdgeRouter) -> bool:
        answer = await router.complete("Why?")
        return await router.feedback(answer.record.id, 0.5)

    config = Config(experts={"local": LOCAL}, learn=True, data_dir=str(tmp_path))
    assert run(lambda: AsyncEdgeRouter(config, backends={"local": FakeBackend()}), work) is True


def test_a_loop_that_was_closed_in_the_middle_leaves_no_thread() -> None:
    """An application that ends while answers are under way."""

    async def main() -> AsyncEdgeRouter:
        router = make(FakeBackend(LONG, delay_s=0.02))()
        asyncio.create_task(router.complete("Why?"))  # noqa: RUF006 - it is left behind
        await asyncio.sleep(0.1)
        return router

    router = asyncio.run(main())
    router.sync.close()
    _wait_until(lambda: _threads() == 0)
