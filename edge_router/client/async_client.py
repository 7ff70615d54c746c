"""AsyncEdgeRouter: the same client for asyncio, where no answer ever blocks the event loop.

Each answer runs in a thread of its own, through the very code of the sync client: deciding, asking,
falling back and recording exist once. The event loop gets its pieces, and a cancelled task cancels
the answer at once, wherever it waits: in a connection, or while llama.cpp reads the prompt.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar

from edge_router.backends.base import Backend
from edge_router.chat.completion import ChatChunk, Prompt
from edge_router.device.machine import DeviceSource
from edge_router.errors import EdgeRouterError
from edge_router.routing.artifact.encoder import link_runtime
from edge_router.routing.deciding.decision import Decision, Rule
from edge_router.routing.record import AnswerRecord, Hook
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

from .answer import CLOSE_S, Answer, AnswerStream
from .query import OnBreak
from .sync_client import EdgeRouter

__all__ = ["AsyncAnswerStream", "AsyncEdgeRouter"]

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
    ) -> None:
        self.sync = EdgeRouter(config, backends=backends, hooks=hooks, device=device, draw=draw)
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

    async def aclose(self) -> None:
        """End the answers under way, whose tasks get RouterClosed, and release everything."""
        await _in_thread(self.sync.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncAnswerStream(AsyncIterator[ChatChunk]):
    """The answer in pieces. `decision` is known once it has begun, `record` when it has ended.

    Leaving its `async with` block, `aclose`, and cancelling the task that waits for a piece all
    cancel the answer; its record then says "cancelled". One task iterates.
    """

    def __init__(self, begin: Callable[[], AnswerStream]) -> None:
        self._begin = begin
        self._state = _State()

    @property
    def decision(self) -> Decision | None:
        """Who answers, and why; None before it has begun."""
        stream = self._state.stream
        return None if stream is None else stream.decision

    @property
    def record(self) -> AnswerRecord | None:
        """How the answer came about; None before its last piece was read, or it was cancelled."""
        stream = self._state.stream
        ended = self._state.over or self._state.cancelled
        return stream.record if stream is not None and ended else None

    async def __anext__(self) -> ChatChunk:
        await self._start()
        if (chunk := await self._next()) is None:
            raise StopAsyncIteration
        return chunk

    def cancel(self) -> None:
        """Cancel without waiting; may be called from any thread."""
        self._state.cancel()

    async def aclose(self) -> None:
        """Cancel the answer, unless it has ended, and wait a quarter of a second at most for its
        record."""
        self.cancel()
        if self._state.pieces is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while not self._state.over:
                    with contextlib.suppress(EdgeRouterError):  # nobody reads the answer any more
                        await self._next()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not self._state.over:
            self.cancel()

    async def _start(self) -> None:
        """Begin the answer in a thread of its own; returns once it is decided on."""
        if self._state.pieces is not None:
            return
        pieces: asyncio.Queue[object] = asyncio.Queue()
        self._state.pieces = pieces
        loop = asyncio.get_running_loop()

        def post(piece: object) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        # The thread holds the state and not the stream, which may so be dropped and cancelled.
        _thread(lambda state=self._state, begin=self._begin: state.run(begin, post))  # type: ignore[misc]
        await self._next()

    async def _next(self) -> ChatChunk | None:
        """The next piece, None after the last one; raises the answer's error."""
        assert self._state.pieces is not None
        if self._state.over:
            return None
        try:
            piece = await self._state.pieces.get()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if isinstance(piece, ChatChunk) or piece is BEGUN:
            return piece if isinstance(piece, ChatChunk) else None
        self._state.over = True
        if isinstance(piece, BaseException):
            raise piece
        return None


BEGUN, ENDED = object(), object()


class _State:
    """What the event loop and the thread of one answer share."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[object] | None = None
        self.stream: AnswerStream | None = None
        self.over = False
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel the answer, also one that the thread is about to begin."""
        self.cancelled = True
        if self.stream is not None:
            self.stream.cancel()

    def run(self, begin: Callable[[], AnswerStream], post: Callable[[object], None]) -> None:
        """Run the answer; for its thread. What a closed event loop does not take is not wanted."""
        end: object = ENDED
        try:
            with begin() as self.stream:
                if self.cancelled:
                    self.stream.cancel()
                post(BEGUN)
                for chunk in self.stream:
                    post(chunk)
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: its task raises it
            end = error
        with contextlib.suppress(RuntimeError):
            post(end)


def _thread(work: Callable[[], object]) -> None:
    """Run `work` in a daemon thread: one that waits for an answer does not hold up the exit."""
    threading.Thread(target=work, name="edge-router answer", daemon=True).start()


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

    _thread(run)
    return await done
