"""Answers as the caller gets them: whole, or as a stream that any thread may cancel."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import (
    ChatChunk,
    Ending,
    FinishReason,
    Joined,
    Message,
    TokenLogprob,
    ToolCall,
    Usage,
)
from edge_router.errors import RouterClosed
from edge_router.guards.checks import FrozenDict
from edge_router.guards.forking import renew_after_fork
from edge_router.routing.attempt import AttemptRecord
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.record import AnswerRecord

from .asking.query import Attempt, Chunks, Query

__all__ = ["Answer", "AnswerStream", "record_of", "whole_answer"]


log = logging.getLogger("edge_router")

CLOSE_S = 0.25  # how long `close` waits for a thread that is in the middle of a piece


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and the record of how it came about.

    With finish reason "tool_calls" the model waits for the results of `tool_calls`: send `message`
    back with a "tool" message for each. `reasoning_content` is what it thought before it answered;
    the words of a `refusal` are the text too.
    """

    text: str
    finish_reason: FinishReason
    record: AnswerRecord
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning_content: str = ""
    refusal: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()

    @classmethod
    def of(cls, chunks: Iterable[ChatChunk], record: Callable[[], AnswerRecord | None]) -> Self:
        """The chunks of an answer joined; its `record` is asked for after the last one."""
        joined = Joined()
        for chunk in chunks:
            joined.take(chunk)
        made = record()
        assert made is not None
        return cls(
            "".join(joined.texts),
            made.finish_reason or "stop",
            made,
            joined.tool_calls,
            "".join(joined.thoughts),
            "".join(joined.refusals),
            tuple(joined.logprobs),
        )

    @property
    def message(self) -> Message:
        """The answer as the next message of the conversation."""
        return Message(
            "assistant",
            None if self.refusal or (self.tool_calls and not self.text) else self.text,
            tool_calls=self.tool_calls,
            refusal=self.refusal or None,
            reasoning_content=self.reasoning_content or None,
        )


class AnswerStream(Iterator[ChatChunk]):
    """The answer in pieces. `id` and `decision` are set at once, `record` (of the same id) when the
    answer has ended.

    One thread iterates; `close` may be called from any, and leaving a `with` block calls it. A
    closed stream ends as if there were no more pieces; its record says "cancelled".
    """

    def __init__(
        self,
        query: Query,
        chunks: Chunks,
        *,
        finish: Callable[[Query, Ending], AnswerRecord],
    ) -> None:
        self.id: str = query.id
        self.decision: Decision = query.decision
        self.record: AnswerRecord | None = None
        self._query = query
        self._chunks = chunks
        self._finish = finish
        self._turn = threading.Lock()  # held by the thread that is in the middle of a piece
        self._ended = False
        self._inherited = False
        renew_after_fork(self)

    def after_fork(self) -> None:
        """The answer belongs to the parent; in a child the stream is over."""
        self._turn = threading.Lock()
        self._ended = self._inherited = True

    @property
    def so_far(self) -> AnswerRecord:
        """The record if the answer were complete by now: who answers, and why that expert."""
        return record_of(self._query, "complete")

    def within(self, deadline: Deadline) -> Self:
        """The same answer, which `deadline` ends too. To be called before its first piece."""
        own = self._query.deadline.remaining()
        self._query.deadline = deadline.attempt(within_s=own)
        return self

    def __next__(self) -> ChatChunk:
        if self._inherited:
            raise RouterClosed("this answer belongs to the parent process; ask for it anew here")
        with self._turn:
            if not self._ended:
                try:
                    chunk = next(self._chunks)
                except BaseException as error:
                    self._end_with(error)
                    if not self._query.deadline.cancelled or not isinstance(error, Exception):
                        raise
                else:
                    if not self._query.deadline.cancelled:
                        return chunk
                    self._end()
            if self._query.router_closed:
                raise RouterClosed("the EdgeRouter was closed during this answer")
            raise StopIteration

    def close(self) -> None:
        """Cancel the answer, unless it has ended. Takes a quarter of a second at most."""
        self.cancel()
        self.end(CLOSE_S)

    def cancel(self, *, router_closed: bool = False) -> None:
        """Cancel without waiting: a thread that waits for the next piece is woken."""
        if not self._ended:
            self._query.router_closed = self._query.router_closed or router_closed
            self._query.deadline.cancel()

    def end(self, within_s: float) -> None:
        """Finish a cancelled stream here, or leave it to the thread that is in the middle of a
        piece when that takes longer than `within_s` seconds."""
        if not self._ended and self._turn.acquire(timeout=within_s):
            try:
                self._end()
            finally:
                self._turn.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_ended", True) and not sys.is_finalizing():
            self.close()

    def _end(self) -> None:
        """End the stream now; an answer that has arrived whole stays complete."""
        if not self._ended:
            self._ended = True
            try:
                self._chunks.close()
            except Exception as error:  # noqa: BLE001 - its answer is not read any more
                log.warning("an expert failed while it was closed: %s", type(error).__name__)
            self.record = self._finish(self._query, "cancelled")

    def _end_with(self, error: BaseException) -> None:
        """End the stream after `error`. A failure before the first piece gives no record."""
        self._ended = True
        if isinstance(error, StopIteration):
            self.record = self._finish(self._query, "complete")
        elif self._query.deadline.cancelled or not isinstance(error, Exception):
            self.record = self._finish(self._query, "cancelled")
        elif self._query.first_token_s is not None:
            self.record = self._finish(self._query, "broken")


def whole_answer(stream: AnswerStream) -> Answer:
    """The answer of a stream, read to its end."""
    with stream:
        return Answer.of(stream, lambda: stream.record)


def record_of(query: Query, ended: Ending) -> AnswerRecord:
    """The record of a query that has ended; an answer that arrived whole is never "cancelled"."""
    attempt = query.answering
    if attempt is not None and attempt.finish_reason is not None:
        ended = "complete"
    total_s = query.elapsed()
    return AnswerRecord(
        id=query.id,
        decision=query.decision,
        answered_by=query.decision.expert if attempt is None else attempt.expert.name,
        failures=FrozenDict({name: str(error) for name, error in query.failures.items()}),
        usage=_usage(attempt, ended),
        cost_usd=query.cost_usd,
        router_s=query.router_s,
        first_token_s=total_s if query.first_token_s is None else query.first_token_s,
        total_s=total_s,
        deferral=query.deferral,
        ended=ended,
        finish_reason=attempt.finish_reason if attempt is not None else None,
        max_tokens=None if attempt is None else attempt.request.max_tokens,
        empty=attempt is None or attempt.pieces == 0,
        cost_limited=attempt is not None and attempt.request is not query.request,
        overflow=query.overflow,
        hedge=query.hedge,
        cached=query.cached,
        reasoning_effort=_effort(query, attempt),
        attempts=() if query.cached else tuple(_attempt(query, one) for one in query.attempts),
    )


def _effort(query: Query, attempt: Attempt | None) -> str | None:
    stated = query.request.reasoning_effort
    return stated if stated or attempt is None else attempt.expert.reasoning_effort


def _attempt(query: Query, attempt: Attempt) -> AttemptRecord:
    """One expert's turn; a failed expert's failure belongs to the last time that it was asked."""
    name, ended = attempt.expert.name, attempt.ended or time.monotonic()
    failure = query.failures.get(name) if query.attempt_of(name) is attempt else None
    return AttemptRecord(
        name,
        max(0.0, attempt.started - query.started),
        max(0.0, ended - attempt.started),
        attempt.cost_usd,
        None if failure is None else str(failure),
        None if failure is None else type(failure).__name__,
    )


def _usage(attempt: Attempt | None, ended: Ending) -> Usage | None:
    """The expert's own count; of an incomplete answer, what was read and received."""
    if attempt is None:
        return None
    return attempt.usage if ended == "complete" else attempt.counted
