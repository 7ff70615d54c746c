"""Ask experts one after the other until one answers, each within its money and its time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk
from edge_router.errors import (
    AllBackendsFailed,
    BackendError,
    BackendProtocolError,
    BackendUnavailable,
    BudgetReached,
    ContextExceeded,
    CostLimitReached,
    EdgeRouterError,
    NoExpertFits,
    PrivacyWithheld,
)
from edge_router.layers.budget import Budget, Reservation
from edge_router.routing.experts.expert import THOUGHT_SPREAD, Expert, Location
from edge_router.settings.config import Config, configured_limits

from ..running_estimates import Experience
from .query import Ask, Attempt, Chunks, Query, first_piece

__all__ = ["Asking", "Dispatch"]

SILENCE_S = 10.0  # of a cloud expert, before the next one is asked
LEAST_SILENCE_S = 2.0  # for an expert that is asked after silent ones
WHOLE_SHARE = 0.75  # of the time left, for a whole answer while fallbacks remain

NOT_ASKED = (CostLimitReached, PrivacyWithheld)  # of the request, not of the server

log = logging.getLogger("edge_router")


class Asking:
    """Asks one of `experts` at a time, each within its money and its time. Thread-safe.

    `opened` gives the backend of an expert by name.
    """

    def __init__(
        self,
        config: Config,
        experts: Mapping[str, Expert],
        *,
        budget: Budget,
        opened: Callable[[str], Backend],
    ) -> None:
        self._config = config
        self._experts = experts
        self._budget = budget
        self._configured = configured_limits(config)
        self._opened = opened

    def ask(self, query: Query, name: str) -> Chunks:
        """One expert's answer, within the deadline that `_deadline` gives it: the most it may cost
        is reserved before, the real cost is booked after, however it ends."""
        deadline = self._deadline(query, name)
        attempt = self._attempt(query, self._experts[name])
        answered = True
        try:
            yield from self._pieces(attempt, name, deadline)
        except BackendError:
            answered = attempt.has_begun or deadline.cancelled
            if attempt.finish_reason is None:  # else the answer is there, whatever failed after it
                raise
        finally:
            attempt.settle(answered=answered)

    def _pieces(self, attempt: Attempt, name: str, deadline: Deadline) -> Chunks:
        """The chunks of the expert's backend, checked: the backend may be the user's own."""
        chunks = None
        try:
            chunks = iter(self._opened(name).stream(attempt.request, deadline=deadline))
            for chunk in chunks:
                if not isinstance(chunk, ChatChunk):
                    raise BackendProtocolError(
                        f"{name} gave a {type(chunk).__name__}, no ChatChunk"
                    )
                if not chunk.is_thought:  # until it answers, another expert may still step in
                    deadline.begin()
                attempt.take(chunk)
                yield chunk
                if attempt.is_too_long:
                    log.warning("%s writes beyond max_tokens; its answer is cut off there", name)
                    end = ChatChunk(chunk.id, chunk.model, "", "length")
                    attempt.take(end)
                    yield end
                    return
        except (EdgeRouterError, GeneratorExit):
            raise
        except Exception as error:
            raise BackendProtocolError(
                f"the backend of {name} raised {type(error).__name__}"
            ) from error
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _deadline(self, query: Query, name: str) -> Deadline:
        """The deadline of one expert. While fallbacks remain it gets its share of the time left for
        the first piece, and about ten seconds of silence in all."""
        fallbacks = _other_servers_left(query, name)
        if not fallbacks:
            return query.deadline.attempt()
        left = query.deadline.remaining()
        return query.deadline.attempt(
            within_s=WHOLE_SHARE * left if query.whole else math.inf,
            first_token_s=left / (1 + fallbacks),
            silence_s=self._silence_s(query, name),
            throughout=query.whole,
        )

    def _silence_s(self, query: Query, name: str) -> float:
        stated = self._config.experts[name]
        if stated.first_token_timeout_s or stated.stall_timeout_s:  # the backend keeps these itself
            return math.inf
        if self._experts[name].location != Location.CLOUD:  # it may have to load its model
            return math.inf
        return max(LEAST_SILENCE_S, SILENCE_S + _thinking_s(self._experts[name]) - query.elapsed())

    def _attempt(self, query: Query, expert: Expert) -> Attempt:
        """A new attempt, its money reserved where money is limited. Raises CostLimitReached."""
        with query.reserving:
            reservation, request = self._reservation(query, expert), query.request
            limit = None if reservation is None else reservation.max_tokens
            if limit is not None and limit < request.max_tokens:
                request = replace(request, max_tokens=limit)
            attempt = Attempt(expert, request, reservation)
            query.attempts.append(attempt)
        return attempt

    def _reservation(self, query: Query, expert: Expert) -> Reservation | None:
        limits = self._configured
        if query.constraints is not None:
            limits = limits.tightened(query.constraints)
        limit = limits.max_cost_usd
        if limit is None and not self._budget.limited:
            return None
        expected = query.decision.estimates[expert.name]
        return self._budget.reserve(
            expert,
            query.request,
            expected_tokens=expected.output_tokens,
            expected_s=expected.latency_s,
            max_cost_usd=limit and max(0.0, limit - (query.cost_usd or 0.0) - query.reserved_usd),
            caller=limits.caller,
            within_s=query.deadline.remaining(),
        )


class Dispatch:
    """Asks experts in the order of the decision until one answers. Thread-safe.

    `ask` gives the answer of an expert by name; failures are reported to `experience`.
    """

    def __init__(self, ask: Ask, experience: Experience) -> None:
        self._ask = ask
        self._experience = experience

    def run(self, query: Query) -> Chunks:
        """The answer in pieces. If a whole answer is wanted and breaks off, the next expert is
        asked; so it is if an expert fails that has only thought so far, and where the query says
        `on_break = "restart"`."""
        while True:
            thoughts, first, rest = yield from self._first_to_answer(query)
            query.first_token_s = query.elapsed()
            try:
                try:
                    if not query.whole:
                        yield first
                        yield from rest
                        return
                    chunks = [*thoughts, first, *rest]
                except (BackendUnavailable, BackendProtocolError) as error:
                    if not query.whole and query.on_break == "raise":
                        raise
                    self._broke_off(query, error)
                    if not query.whole:
                        yield ChatChunk(first.id, first.model, "", restarts=True)
                    continue
            finally:
                rest.close()
            yield from chunks
            return

    def close(self) -> None:
        """Does nothing: a dispatch holds no file and no thread."""

    def _broke_off(self, query: Query, error: BackendError) -> None:
        """Note that an expert's answer broke off; raises `error` where no other expert is left."""
        broken = query.answering
        if query.deadline.cancelled or broken is None:
            raise error
        failures = query.failures | {broken.expert.name: error}
        if not isinstance(error, BackendUnavailable) and failures.keys() >= {*query.decision.order}:
            raise error
        query.failures, query.first_token_s = failures, None
        self._experience.failed(broken.expert.name, error)

    def _first_to_answer(
        self, query: Query
    ) -> Generator[ChatChunk, None, tuple[list[ChatChunk], ChatChunk, Chunks]]:
        """Ask in the decision's order until a first piece arrives; returns what was thought before
        it, the piece and the rest. Gives thoughts as they come, unless the answer is `whole`."""
        for name in query.decision.order:
            if name in query.failures:  # it failed to take over an answer
                continue
            if not self._experience.asking(name) and _fallbacks_left(query, name):
                probed = f"{name} is tried again by another query just now"
                query.failures[name] = BackendUnavailable(
                    probed
                )  # not reported: the other query will be
                continue
            chunks = self._ask(query, name)
            try:
                thoughts, first = yield from _thinking(chunks, name, shown=not query.whole)
                return thoughts, first, chunks
            except BackendUnavailable as error:
                if query.deadline.cancelled:
                    raise
                query.failures[name] = error
                self._experience.failed(name, error)
                if isinstance(error, ContextExceeded):
                    _rule_out_smaller(query, name)
                elif not isinstance(error, NOT_ASKED):
                    _rule_out_levels(query, name)
        raise _no_answer(query)


def _thinking(
    chunks: Chunks, name: str, *, shown: bool
) -> Generator[ChatChunk, None, tuple[list[ChatChunk], ChatChunk]]:
    """Give what an expert thinks before its first piece, and return that piece; closes `chunks`
    if the caller leaves meanwhile."""
    thoughts: list[ChatChunk] = []
    try:
        while (chunk := first_piece(chunks, name)).is_thought:
            if shown:
                yield chunk
            else:
                thoughts.append(chunk)
    except GeneratorExit:
        chunks.close()
        raise
    return thoughts, chunk


def _rule_out_levels(query: Query, name: str) -> None:
    """Note that other levels of thinking of the same expert, at the same server, are not asked."""
    if query.attempt_of(name) is None:
        return
    for other in _other_levels(query, name):
        words = f"{other} was not asked: {name} is unavailable, and so is its server"
        query.failures[other] = BackendUnavailable(words)


def _other_levels(query: Query, name: str) -> list[str]:
    """The other levels of thinking of the same expert that may still be asked."""
    experts = _experts_of(query)
    of = experts[name].level_of if name in experts else None
    if of is None:
        return []
    levels = {one.name for one in experts.values() if one.level_of == of} - {name}
    return [one for one in query.decision.order if one in levels and one not in query.failures]


def _experts_of(query: Query) -> dict[str, Expert]:
    """The experts that were weighed, by name; none where the decision does not say."""
    grounds = query.decision.grounds
    return {} if grounds is None else {one.expert.name: one.expert for one in grounds.candidates}


def _rule_out_smaller(query: Query, name: str) -> None:
    """Rule out the experts whose context is no larger than that of `name`, which was too small;
    one of unknown size stays. After a second overflow no other expert is asked."""
    again = query.overflow is not None
    query.overflow = query.overflow or name
    experts = _experts_of(query)
    room = experts[name].context_tokens if name in experts else None
    for other in query.decision.order:
        if other in query.failures or other not in experts:
            continue
        theirs = experts[other].context_tokens
        if again or (room is not None and theirs is not None and theirs <= room):
            query.failures[other] = ContextExceeded(
                f"{other} was not asked: {name} had too little room"
                + (" too" if again else ", and it has no more")
            )


def _thinking_s(expert: Expert) -> float:
    """How long an expert may think in silence: many servers send no thoughts."""
    return THOUGHT_SPREAD * expert.thought_tokens / expert.speed.output_tokens_per_s


def _fallbacks_left(query: Query, name: str) -> int:
    """How many fallbacks remain for an expert."""
    return sum(1 for one in query.decision.order if one != name and one not in query.failures)


def _other_servers_left(query: Query, name: str) -> int:
    """How many fallbacks remain if an expert cannot be reached: its other levels are not asked."""
    return _fallbacks_left(query, name) - len(_other_levels(query, name))


def _no_answer(query: Query) -> NoExpertFits | AllBackendsFailed:
    limiting = (CostLimitReached, ContextExceeded)
    limits = {n: e.limit for n, e in query.failures.items() if isinstance(e, limiting)}
    if len(limits) < len(query.failures):
        return AllBackendsFailed(query.failures)
    message = f"no expert may answer: {'; '.join(map(str, query.failures.values()))}"
    excluded = {**query.decision.excluded, **limits}
    waits = [e.retry_after_s for e in query.failures.values() if e.retry_after_s is not None]
    if waits:
        return BudgetReached(message, excluded=excluded, retry_after_s=min(waits))
    return NoExpertFits(message, excluded=excluded)
