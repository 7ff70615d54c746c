"""What the async client can do beside answering: all that the sync one can, by the same names."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from edge_router import AsyncEdgeRouter, ChatRequest, Config, Constraints, EdgeRouter
from edge_router.backends.deadline import Deadline
from edge_router.errors import ConfigError, NoExpertFits, RouterClosed
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

OTHERWISE = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__"}
PARTS = {"answer", "agent", "chooser"}  # what both clients and the server are made of


def public(kind: type) -> dict[str, inspect.Signature]:
    """The methods that a user calls, with what they take."""
    return {
        name: inspect.signature(one)
        for name, one in vars(kind).items()
        if inspect.isfunction(one) and (not name.startswith("_") or name == "__init__")
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    """By name, kind, default and type; one that only one of them has is named above."""
    here, there = public(EdgeRouter), public(AsyncEdgeRouter)
    expected = {OTHERWISE.get(name, name): one for name, one in here.items() if name not in PARTS}
    assert there.keys() == expected.keys()
    for name, signature in expected.items():
        assert there[name].parameters == signature.parameters, name


def test_both_are_context_managers() -> None:
    """`with` here, `async with` there."""
    for here, there in OTHERWISE.items():
        assert hasattr(EdgeRouter, here)
        assert hasattr(AsyncEdgeRouter, there)


@dataclass(frozen=True)
class Choice:
    """A decision of `ByWord`."""

    agent: str | None
    arguments: Mapping[str, Any] | None


class ByWord:
    """Routes a request to the agent of its first word, "rain"; waits `delay_s` before that."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.asked: list[dict[str, object]] = []
        self.was_cancelled = threading.Event()

    def route(
        self, prompt: ChatRequest, *, events: Sequence[str], deadline: Deadline, **known: object
    ) -> Choice:
        self.asked.append({"events": events, **known})
        with deadline.waking(self.was_cancelled.set):
            self.was_cancelled.wait(self.delay_s)
        word, _, city = prompt.question.partition(" in ")
        return Choice("weather", {"city": city}) if word == "rain" else Choice(None, None)


def with_router(work: Callable[[AsyncEdgeRouter], Coroutine[Any, Any, Any]]) -> Any:
    """The result of `work`, with an expert here and one in the cloud."""
    backends = {"local": FakeBackend("from here"), "cloud": FakeBackend("from the cloud")}
    config = Config(experts={"local": LOCAL, "cloud": CLOUD}, min_gain=-1.0, deadline_s=10.0)

    async def main() -> Any:
        async with AsyncEdgeRouter(config, backends=backends) as router:
            return await work(router)

    return asyncio.run(main())


def test_one_expert_is_consulted() -> None:
    """And no other; an unknown one, and one that may not be asked, are errors as before."""

    async def work(router: AsyncEdgeRouter) -> None:
        assert (await router.consult("local", "Which task?")).text == "from here"
        with pytest.raises(ConfigError, match="'mars' is unknown; known are local, cloud"):
            await router.consult("mars", "?")
        limits = Constraints(placement="only_on_device")  # type: ignore[arg-type]
        with pytest.raises(NoExpertFits):
            await router.consult("cloud", "?", constraints=limits)

    with_router(work)


def test_a_request_goes_to_an_agent_or_to_a_model() -> None:
    """Nothing is called but what is given, be it a function or a coroutine function."""

    async def forecast(city: str) -> str:
        await asyncio.sleep(0)
        return f"dry in {city}"

    async def work(router: AsyncEdgeRouter) -> None:
        agents = ByWord()
        only = await router.dispatch("rain in Rome", agents=agents)
        assert (only.decision.agent, only.was_called, only.answer) == ("weather", False, None)
        for written in (forecast, lambda city: f"dry in {city}"):
            done = await router.dispatch("rain in Rome", agents=agents, call={"weather": written})
            assert (done.result, done.was_called) == ("dry in Rome", True)
        limits = Constraints(offline=True)
        said = await router.dispatch("Why?", agents=agents, state="s", constraints=limits)
        assert said.answer is not None
        assert said.answer.text == "from here"
        assert agents.asked[0].keys() == {"events", "constraints"}  # a conversation begins
        assert agents.asked[-1]["state"] == "s"
        assert agents.asked[-1]["constraints"].offline  # type: ignore[attr-defined]

    with_router(work)


def test_what_a_callable_raises_is_raised() -> None:
    """From its thread, and from its coroutine."""

    async def later(city: str) -> str:
        raise LookupError(city)

    def now(city: str) -> str:
        raise LookupError(city)

    async def work(router: AsyncEdgeRouter) -> None:
        for written in (later, now):
            with pytest.raises(LookupError, match="Rome"):
                await router.dispatch("rain in Rome", agents=ByWord(), call={"weather": written})

    with_router(work)


def test_a_cancelled_dispatch_ends_the_choice_of_an_agent() -> None:
    """The router of agents is woken, and the task is free at once."""

    async def work(router: AsyncEdgeRouter) -> None:
        agents = ByWord(delay_s=9.0)
        task = asyncio.create_task(router.dispatch("rain in Rome", agents=agents))
        while not agents.asked:
            await asyncio.sleep(0.001)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert agents.was_cancelled.wait(2.0)
        assert time.monotonic() - started < 2.0

    with_router(work)


def test_a_closed_router_refuses_all_of_it() -> None:
    """With the same error as every later call."""

    async def work(router: AsyncEdgeRouter) -> None:
        await router.aclose()
        with pytest.raises(RouterClosed):
            await router.dispatch("rain", agents=ByWord())
        with pytest.raises(RouterClosed):
            await router.consult("local", "?")

    with_router(work)


def test_limits_are_those_of_the_settings() -> None:
    """Read in a thread: a budget's ledger is a file."""
    limits = with_router(lambda router: router.constraints())
    assert limits == Constraints()
