"""AsyncEdgeRouter: the same client for asyncio, where no answer ever blocks the event loop.

Each answer runs in a thread of its own, through the very code of the sync client: deciding, asking,
falling back and recording exist once. The event loop gets its pieces, and a cancelled task cancels
the answer at once, wherever it waits: in a connection, or while llama.cpp reads the prompt.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.request import ChatRequest, Prompt
from edge_router.device.machine import DeviceSource
from edge_router.routing.artifact.encoder import link_runtime
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.record import Hook
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

from .agent_dispatch import UNSET, Asked, D, Dispatched, RoutesAgents, called
from .answer import Answer
from .asking.query import OnBreak
from .async_answer import Answering, AsyncAnswerStream, in_thread
from .sync_client import EdgeRouter

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import ConsentQuestion

__all__ = ["AsyncEdgeRouter"]


class AsyncEdgeRouter:
    """Answers queries with whichever expert suits each one best, for asyncio.

    Arguments, settings and errors are those of `EdgeRouter`, which is at hand as `sync`: its other
    methods may be called from any thread. Making one reads the router's files and links
    onnxruntime, which takes about 100 ms and would hold up the event loop later; the encoder loads
    with the first answer, in that answer's thread. One event loop uses it at a time.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        backends: Mapping[str, Backend] | None = None,
        hooks: Sequence[Hook] = (),
        device: DeviceSource | None = None,
        draw: Callable[[], float] = random.random,
        consent: Callable[[ConsentQuestion], bool] | None = None,
    ) -> None:
        self.sync = EdgeRouter(
            config, backends=backends, hooks=hooks, device=device, draw=draw, consent=consent
        )
        link_runtime()

    async def complete(
        self,
        prompt: Prompt,
        *,
        constraints: Constraints | None = None,
        rule: Rule | None = None,
    ) -> Answer:
        """The whole answer. Raises as `EdgeRouter.complete`; cancelling it cancels the answer."""
        return await _whole(partial(self.sync.answer, prompt, constraints, rule, whole=True))

    def stream(
        self,
        prompt: Prompt,
        *,
        constraints: Constraints | None = None,
        rule: Rule | None = None,
        on_break: OnBreak = "raise",
    ) -> AsyncAnswerStream:
        """The answer in pieces: `async with router.stream(prompt) as stream`, then `async for`.

        It begins when it is entered or first awaited, and raises then as `EdgeRouter.stream` does.
        """
        asked = partial(self.sync.answer, prompt, constraints, rule, on_break=on_break)
        return AsyncAnswerStream(partial(asked, whole=False))

    async def consult(
        self, expert: str, prompt: Prompt, *, constraints: Constraints | None = None
    ) -> Answer:
        """The whole answer of one expert; see `EdgeRouter.consult`. Cancelling it cancels the
        answer."""
        asked = partial(self.sync.answer, prompt, constraints, None, alone=expert)
        return await _whole(partial(asked, whole=True))

    async def dispatch(
        self,
        prompt: Prompt,
        *,
        agents: RoutesAgents[D],
        state: object = UNSET,
        events: Sequence[str] = (),
        call: Mapping[str, Callable[..., object]] | None = None,
        constraints: Constraints | None = None,
    ) -> Dispatched[D]:
        """Hand a request to an agent, or have a model answer; see `EdgeRouter.dispatch`.

        What `call` has by the agent's name runs in a thread of its own; what it returns is awaited
        here if it can be, so that it may be an `async def`. Cancelling the task ends the choice of
        an agent and an answer; a callable that runs in its thread runs on.
        """
        deadline, request = Deadline.after(self.sync.config.deadline_s), ChatRequest.of(prompt)
        ask = Asked(request, state=state, events=events, deadline=deadline)
        try:
            decision = await in_thread(partial(self.sync.agent, ask, agents, constraints))
        except asyncio.CancelledError:
            deadline.cancel()
            raise
        if decision.agent is None:
            answer = await self.complete(request, constraints=constraints)
            return Dispatched(decision, answer=answer)
        dispatched = await in_thread(partial(called, decision, {} if call is None else call))
        if inspect.isawaitable(dispatched.result):
            return replace(dispatched, result=await dispatched.result)
        return dispatched

    async def constraints(self, caller: str | None = None) -> Constraints:
        """See `EdgeRouter.constraints`, which may read the ledger of a budget."""
        return await in_thread(partial(self.sync.constraints, caller))

    async def feedback(self, decision_id: str, score: float) -> bool:
        """Grade an answer; see `EdgeRouter.feedback`."""
        return await in_thread(lambda: self.sync.feedback(decision_id, score))

    async def warm_up(self) -> None:
        """See `EdgeRouter.warm_up`."""
        await in_thread(self.sync.warm_up)

    async def aclose(self) -> None:
        """End the answers under way, whose tasks get RouterClosed, and release everything."""
        await in_thread(self.sync.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _whole(begin: Callable[[], Answering]) -> Answer:
    """The answer that `begin` begins, read to its end."""
    async with AsyncAnswerStream(begin) as stream:
        chunks = [chunk async for chunk in stream]
    return Answer.of(chunks, lambda: stream.record)
