"""AsyncAnswerStream: an answer that runs in a thread of its own, read piece by piece in a task."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol, Self, TypeVar

from edge_router.chat.completion import ChatChunk
from edge_router.errors import EdgeRouterError
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.record import AnswerRecord

__all__ = ["Answering", "AsyncAnswerStream", "in_daemon_thread", "in_thread"]

T = TypeVar("T")

CLOSE_S = 0.25  # how long closing waits for the record of a cancelled answer


class Answering(Protocol):
    """The answer that runs in the thread: an `AnswerStream`."""

    id: str
    decision: Decision
    record: AnswerRecord | None

    @property
    def so_far(self) -> AnswerRecord: ...

    def cancel(self) -> None: ...

    def __iter__(self) -> Iterator[ChatChunk]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class AsyncAnswerStream(AsyncIterator[ChatChunk]):
    """The answer in pieces. `decision` is known once it has begun, `record` when it has ended.

    Leaving its `async with` block, `aclose`, and cancelling the task that waits for a piece all
    cancel the answer; its record then says "cancelled". One task iterates.
    """

    def __init__(self, begin: Callable[[], Answering]) -> None:
        self._begin = begin
        self._state = _State()

    @property
    def decision(self) -> Decision | None:
        """Who answers, and why; None before it has begun."""
        stream = self._state.stream
        return None if stream is None else stream.decision

    @property
    def begun(self) -> Answering | None:
        """The answer itself, with its `id` and its record `so_far`; None before it has begun."""
        return self._state.stream

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
        in_daemon_thread(lambda state=self._state, begin=self._begin: state.run(begin, post))  # type: ignore[misc]
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
        self._state.pieces.put_nowait(piece)  # for another task that waits for one
        if isinstance(piece, BaseException):
            raise piece
        return None


BEGUN, ENDED = object(), object()


class _State:
    """What the event loop and the thread of one answer share."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[object] | None = None
        self.stream: Answering | None = None
        self.over = False
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel the answer, also one that the thread is about to begin."""
        self.cancelled = True
        if self.stream is not None:
            self.stream.cancel()

    def run(self, begin: Callable[[], Answering], post: Callable[[object], None]) -> None:
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


def in_daemon_thread(work: Callable[[], object]) -> None:
    """Run `work` in a daemon thread: one that waits for an answer does not hold up the exit."""
    threading.Thread(target=work, name="edge-router answer", daemon=True).start()


async def in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, which may block, or its error. For its daemon thread neither the exit
    nor other work waits."""
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
