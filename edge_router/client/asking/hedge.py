"""Hedging: a second remote expert is asked where the first is slow, and the faster one answers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatRequest
from edge_router.errors import (
    BackendError,
    BackendProtocolError,
    BackendUnavailable,
)
from edge_router.routing.experts.expert import Expert

from .query import Ask, Chunks, Query

__all__ = ["Hedge"]

END_S = 0.25  # how long the end of an answer waits for the other one's, to know its cost


class Hedge:
    """Asks experts as `asking` does, of which it is a wrapper with the same shape. `after_s`
    seconds without a piece from a remote one, the next remote expert of the decision is asked too:
    the first to send a piece, thoughts included, answers, and the other is cancelled.

    The decision has ruled out whom placement, privacy and limits forbid, so none of those is
    asked. An expert of which `asks_first` says that a person would be asked before it reads the
    request is not raced: who thinks about it is no slow server, and is asked one question at a
    time. Each of the two has its own reservation, and both costs are in the record. `failed`
    receives the failure of an expert in whose place the other one answers. Two threads of its own
    serve each such query.
    """

    def __init__(
        self,
        asking: Ask,
        experts: Iterable[Expert],
        *,
        after_s: float,
        failed: Callable[[str, BackendError], None],
        asks_first: Callable[[ChatRequest, str], bool] = lambda _request, _name: False,
    ) -> None:
        self._asking = asking
        experts = tuple(experts)
        self._remote = frozenset(one.name for one in experts if one.leaves_device)
        self._level_of = {one.name: one.level_of for one in experts if one.level_of}
        self._after_s = after_s
        self._failed = failed
        self._asks_first = asks_first

    def ask(self, query: Query, name: str) -> Chunks:
        """The answer of `name`, or of the expert that was faster."""
        other = self._other(query, name)
        return self._asking(query, name) if other is None else self._raced(query, name, other)

    def _other(self, query: Query, name: str) -> str | None:
        """The remote expert to ask beside a remote one, None where there is none."""
        if not self._may_race(query, name):
            return None
        left = (one for one in query.decision.order if one not in (name, *query.failures))
        others = (one for one in left if not self._share_a_server(one, name))
        return next((one for one in others if self._may_race(query, one)), None)

    def _share_a_server(self, one: str, other: str) -> bool:
        """Whether both are levels of thinking of one expert."""
        return one in self._level_of and self._level_of[one] == self._level_of.get(other)

    def _may_race(self, query: Query, name: str) -> bool:
        return name in self._remote and not self._asks_first(query.request, name)

    def _raced(self, query: Query, name: str, other: str) -> Chunks:
        race = _Race(query, self._asking)
        with query.deadline.waking(race.cancel):
            try:
                race.start(name)
                winner, first = self._first(race, name, other)
                race.won_by(winner)
                yield first
                yield from race.rest(winner)
            finally:
                race.cancel()
                race.join(END_S)

    def _first(self, race: _Race, name: str, other: str) -> tuple[_Runner, ChatChunk]:
        """The expert that sends the first piece, and that piece. Raises the error of `name`
        where none sends one, and at once where `name` refuses the request."""
        until = time.monotonic() + self._after_s
        failures: dict[str, BackendError] = {}
        while True:
            hedged = len(race.runners) > 1
            try:
                wait_s = None if hedged else max(0.0, until - time.monotonic())
                runner, piece = race.pieces.get(timeout=wait_s)
            except queue.Empty:
                race.start(other)
                continue
            if isinstance(piece, ChatChunk):
                if name in failures:
                    self._note(race.query, name, failures[name])
                return runner, piece
            failures[runner.name] = _error(piece, runner.name)
            if runner.name == name and not isinstance(failures[name], BackendUnavailable):
                raise failures[name]
            if len(failures) == len(race.runners):
                if isinstance(failures.get(other), BackendUnavailable):
                    self._note(race.query, other, failures[other])
                raise failures[name]

    def _note(self, query: Query, name: str, error: BackendError) -> None:
        """Note a failure, so that the expert is not asked again."""
        query.failures[name] = error
        self._failed(name, error)


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    """The end of an answer, or its error."""

    error: BaseException | None


@dataclass(slots=True, eq=False)
class _Runner:
    """One of the experts that are asked, with a deadline that ends it alone."""

    name: str
    deadline: Deadline
    thread: threading.Thread


@dataclass(slots=True, eq=False)
class _Race:
    """The experts that are asked for one query, and the queue of what they send."""

    query: Query
    asking: Ask
    runners: list[_Runner] = field(default_factory=list)
    pieces: queue.SimpleQueue[tuple[_Runner, ChatChunk | _End]] = field(
        default_factory=queue.SimpleQueue
    )

    def start(self, name: str) -> None:
        """Ask an expert in a thread of its own; not once the query is cancelled."""
        deadline = Deadline(self.query.deadline.at)
        mine = replace(self.query, deadline=deadline)  # failures and attempts are the same ones
        thread = threading.Thread(
            target=lambda: self._run(mine, runner), name=f"edge-router {name}", daemon=True
        )
        runner = _Runner(name, deadline, thread)
        self.runners.append(runner)
        if self.query.deadline.cancelled:
            deadline.cancel()
        try:
            thread.start()
        except RuntimeError as error:  # no more threads in this process
            self.pieces.put((runner, _End(BackendUnavailable(f"{name}: {error}"))))

    def _run(self, query: Query, runner: _Runner) -> None:
        end = _End(None)
        try:
            for chunk in self.asking(query, runner.name):
                self.pieces.put((runner, chunk))
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: the query raises it
            end = _End(error)
        self.pieces.put((runner, end))

    def won_by(self, winner: _Runner) -> None:
        """Cancel the others, and let the winner's attempt be the one that answers."""
        for runner in self.runners:
            if runner is not winner:
                runner.deadline.cancel()
                if self.query.attempt_of(runner.name) and runner.name not in self.query.failures:
                    self.query.hedge = runner.name
        attempt = self.query.attempt_of(winner.name)
        if attempt is not None:
            self.query.attempts.remove(attempt)
            self.query.attempts.append(attempt)

    def rest(self, winner: _Runner) -> Chunks:
        """What the winner sends after its first piece."""
        while True:
            runner, piece = self.pieces.get()
            if runner is not winner:
                continue
            if isinstance(piece, ChatChunk):
                yield piece
            elif piece.error is not None:
                raise piece.error
            else:
                return

    def cancel(self) -> None:
        """End all of them."""
        for runner in list(self.runners):
            runner.deadline.cancel()

    def join(self, within_s: float) -> None:
        """Wait for the ends of all, so that their costs are known."""
        until = time.monotonic() + within_s
        for runner in self.runners:
            if runner.thread.is_alive():
                runner.thread.join(max(0.0, until - time.monotonic()))


def _error(end: _End, name: str) -> BackendError:
    """The error of an answer that ended before its first piece. Raises any that is none of ours."""
    if end.error is None:
        return BackendProtocolError(f"{name} sent an empty stream")
    if not isinstance(end.error, BackendError):
        raise end.error
    return end.error
