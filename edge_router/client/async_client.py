"""AsyncEdgeRouter: the same client for asyncio, where no answer ever blocks the event loop.

Each answer runs in a thread of its own, through the very code of the sync client: deciding, asking,
falling back and recording exist once. The event loop gets its pieces, and a cancelled task cancels
the answer at once, wherever it waits: in a connection, or while llama.cpp reads the prompt.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from edge_router.backends.base import Backend
from edge_router.chat.completion import Prompt
from edge_router.device.machine import DeviceSource
from edge_router.routing.artifact.encoder import link_runtime
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.record import Hook
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

from .answer import Answer
from .asking.query import OnBreak
from .async_answer import AsyncAnswerStream, in_daemon_thread
from .sync_client import EdgeRouter

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import ConsentQuestion

__all__ = ["AsyncEdgeRouter"]

T = TypeVar("T")


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
        begin = partial(self.sync.answer, prompt, constraints, rule, whole=True)
        async with AsyncAnswerStream(begin) as stream:
            chunks = [chunk async for chunk in stream]
        return Answer.of(chunks, lambda: stream.record)

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

    async def feedback(self, decision_id: str, score: float) -> bool:
        """Grade an answer; see `EdgeRouter.feedback`."""
        return await _in_thread(lambda: self.sync.feedback(decision_id, score))

    async def warm_up(self) -> None:
        """See `EdgeRouter.warm_up`."""
        await _in_thread(self.sync.warm_up)

    async def aclose(self) -> None:
        """End the answers under way, whose tasks get RouterClosed, and release everything."""
        await _in_thread(self.sync.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, which may block, or its error."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(how: Callable[[Any], None], what: Any) -> None:
        if not done.done():
            how(what)

    def run() -> None:
        try:
            how, what = done.set_result, work()
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: its task raises it
            how, what = done.set_exception, error  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, how, what)

    in_daemon_thread(run)
    return await done
