"""EdgeRouter: route, ask the chosen expert, fall back where that is allowed, stream."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from .backends.base import Backend, Deadline
from .chat import ChatChunk, ChatCompletion, ChatRequest, FinishReason, Prompt, Usage
from .config import Config, ExpertConfig
from .device import DeviceSource
from .errors import AllBackendsFailed, BackendUnavailable
from .experience import Experience
from .handover import Handover, first_piece
from .learning import Learning, checked_score
from .policy import Constraints, Decision
from .query import Query
from .router import Router
from .snapshot import Snapshot
from .speeds import read_speeds
from .telemetry import AnswerRecord, Hook, log_record
from .watch import Chunks

__all__ = ["Answer", "AnswerStream", "EdgeRouter"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer and how it came about."""

    text: str
    finish_reason: FinishReason
    record: AnswerRecord


class AnswerStream(Iterator[ChatChunk]):
    """The answer in pieces. `decision` is there at once, `record` once the stream has ended."""

    def __init__(
        self, decision: Decision, chunks: Generator[ChatChunk, None, AnswerRecord]
    ) -> None:
        self.decision = decision
        self.record: AnswerRecord | None = None
        self._chunks = chunks

    def __next__(self) -> ChatChunk:
        try:
            return next(self._chunks)
        except StopIteration as end:
            self.record = end.value or self.record
            raise

    def close(self) -> None:
        """Cancel the answer."""
        self._chunks.close()


class EdgeRouter:
    """Answers queries with whichever expert suits each one best.

    Without a `config` the settings are read as `Config.load` describes; with nothing configured it
    runs SmolLM2-135M on this device. `backends` replaces the configured ones by name. `hooks`
    receive an AnswerRecord after every answer. `device` tells the state of this machine, `draw`
    gives the random numbers (0..1) that exploration needs. Thread-safe. Raises ConfigError,
    ArtifactError or MissingExtra at once when something it will need is not there.
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
        self.config = config or Config.load()
        measured = read_speeds(self.config)
        self.router = Router.from_config(self.config, measured=measured)
        self.experience = Experience.of(
            self.config, self.router.experts, measured=measured, device=device
        )
        self._learning = Learning.from_config(self.config, self.router.artifact, draw=draw)
        self._hooks = (log_record, *hooks)
        self._lock = threading.Lock()
        self._spent_usd = 0.0
        self._backends: dict[str, Backend] = dict(backends or {})
        self._handover = Handover.from_config(
            self.config, self.router, backend=self._backend, limits=self._limits
        )
        for name, expert in self.config.experts.items():
            if expert.backend == "llama_cpp":  # cheap, and a missing file should not wait
                self._backend(name)

    def complete(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Answer:
        """The whole answer.

        `constraints` tighten the configured ones for this query; they never loosen them.
        Raises InvalidRequest, NoExpertFits, BackendRejected, BackendProtocolError, or
        AllBackendsFailed. Only BackendUnavailable makes it ask the next expert.
        """
        query = self._decide(prompt, constraints)

        def ask(name: str, deadline: Deadline) -> ChatCompletion:
            if self._handover is not None and self._handover.applies(query, name):
                return ChatCompletion.from_chunks(self._handover.stream(query, deadline=deadline))
            return self._backend(name).complete(query.request, deadline=deadline)

        name, completion = self._first_to_answer(query, ask)
        record = self._record(query, name, completion.usage, first_token_s=query.elapsed())
        return Answer(completion.text, completion.finish_reason, record)

    def stream(self, prompt: Prompt, *, constraints: Constraints | None = None) -> AnswerStream:
        """The answer in pieces; closing it cancels.

        Raises as `complete` does. An expert that fails after its first piece raises: what the user
        has read already is not started again by somebody else.
        """
        query = self._decide(prompt, constraints)
        return AnswerStream(query.decision, self._run(query))

    def feedback(self, decision_id: str, score: float) -> bool:
        """Tell how good an answer was: the id of its AnswerRecord, and a score in 0..1.

        False where it was not kept: the setting `learn` is off, the answer is too old, or the log
        cannot be written. Raises LearningError for a score outside 0..1.
        """
        told = checked_score(score)
        return self._learning is not None and self._learning.score(decision_id, told)

    def constraints(self) -> Constraints:
        """The configured limits, with what is left of the budget."""
        with self._lock:
            return configured_limits(self.config, spent_usd=self._spent_usd)

    def close(self) -> None:
        """Give back models, threads and sockets; keep speeds where the settings ask for it."""
        with self._lock:
            backends, self._backends = self._backends, {}
        if self.config.keep_speeds:
            self.experience.keep(self.config)
        if self._learning is not None:
            self._learning.close()
        for backend in backends.values():
            backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _decide(self, prompt: Prompt, constraints: Constraints | None) -> Query:
        started = time.monotonic()
        request = ChatRequest.of(prompt)
        snapshot = self._snapshot(request)
        decision = self.router.route(request, self._limits(constraints), snapshot)
        if self._learning is not None:
            decision = self._learning.decided(decision)
        router_s = time.monotonic() - started
        deadline = Deadline(started + self.config.deadline_s)
        return Query(request, decision, constraints, snapshot, deadline, started, router_s)

    def _snapshot(self, request: ChatRequest) -> Snapshot:
        with self._lock:
            backends = dict(self._backends)
        return self.experience.snapshot(request, backends)

    def _limits(self, constraints: Constraints | None) -> Constraints:
        """Those that hold now for a query with `constraints` of its own."""
        limits = self.constraints()
        return limits if constraints is None else limits.tightened(constraints)

    def _run(self, query: Query) -> Generator[ChatChunk, None, AnswerRecord]:
        def ask(name: str, _: Deadline) -> tuple[ChatChunk, Chunks]:
            chunks = self._chunks(query, name, query.deadline)
            return first_piece(chunks, name), chunks

        name, (first, rest) = self._first_to_answer(query, ask)
        first_token_s = query.elapsed()
        usage = first.usage
        with closing(rest):
            yield first
            for chunk in rest:
                usage = chunk.usage or usage
                yield chunk
        return self._record(query, name, usage, first_token_s=first_token_s)

    def _chunks(self, query: Query, name: str, deadline: Deadline) -> Chunks:
        if self._handover is not None and self._handover.applies(query, name):
            return self._handover.stream(query, deadline=deadline)
        return self._backend(name).stream(query.request, deadline=deadline)

    def _first_to_answer(self, query: Query, ask: Callable[[str, Deadline], T]) -> tuple[str, T]:
        """Ask in the decision's order until somebody answers.

        As long as another expert could still step in, an attempt that cannot be watched piece by
        piece may use half of the time that is left.
        """
        order = query.decision.order
        for place, name in enumerate(order):
            if name in query.failures:  # asked already, when an answer was to be handed to it
                continue
            left = query.deadline.remaining()
            last = place == len(order) - 1
            try:
                return name, ask(name, query.deadline if last else Deadline.after(left / 2))
            except BackendUnavailable as error:
                query.failures[name] = error
                self.experience.failed(name, error)
        raise AllBackendsFailed(query.failures)

    def _record(
        self, query: Query, name: str, usage: Usage | None, *, first_token_s: float
    ) -> AnswerRecord:
        name = query.handed_to or name
        record = AnswerRecord(
            id=query.id,
            decision=query.decision,
            answered_by=name,
            failures={failed: str(error) for failed, error in query.failures.items()},
            usage=usage,
            cost_usd=self._cost(name, query, usage),
            router_s=query.router_s,
            first_token_s=first_token_s,
            total_s=query.elapsed(),
            deferral=query.deferral,
        )
        with self._lock:
            self._spent_usd += record.cost_usd or 0.0
        self.experience.answered(record, query.request, query.snapshot)
        if self._learning is not None:
            self._learning.answered(record, query.request)
        for hook in self._hooks:
            hook(record)
        return record

    def _cost(self, name: str, query: Query, usage: Usage | None) -> float | None:
        """Dollars by the tokens that were counted; where they were not, the estimate. With what
        was begun and handed over."""
        (expert,) = [e for e in self.router.experts if e.name == name]
        if usage is None or expert.pricing is None:
            cost = query.decision.estimates[name].cost_usd
        else:
            cost = expert.cost(usage.prompt_tokens, usage.completion_tokens, query.elapsed())
        if self._handover is None or query.deferral is None or query.handed_to is None:
            return cost
        begun = self._handover.begun_usd(query, query.deferral.tokens)
        return None if cost is None or begun is None else cost + begun

    def _backend(self, name: str) -> Backend:
        with self._lock:
            if name not in self._backends:
                watched = self._handover is not None
                self._backends[name] = open_backend(self.config.experts[name], confidence=watched)
            return self._backends[name]


def configured_limits(config: Config, *, spent_usd: float = 0.0) -> Constraints:
    """The constraints that the settings state, after `spent_usd` of the budget."""
    budget = config.budget_usd
    return Constraints(
        placement=config.placement,
        offline=config.offline,
        max_cost_usd=config.max_cost_usd,
        max_latency_s=config.max_latency_s,
        budget_left_usd=None if budget is None else max(0.0, budget - spent_usd),
    )


def open_backend(expert: ExpertConfig, *, confidence: bool = False) -> Backend:
    """The backend that a configured expert needs; nothing is connected or loaded yet.

    With `confidence` its chunks tell how sure the model is, where it can.
    """
    if expert.backend == "llama_cpp":
        from .backends.llama_cpp import DEFAULT_SYSTEM, LlamaCppBackend

        return LlamaCppBackend(
            expert.model,
            n_ctx=expert.context_tokens or 2048,
            n_threads=expert.n_threads,
            system=DEFAULT_SYSTEM if expert.system is None else expert.system,
            confidence=confidence,
        )
    from .backends.openai import OpenAIBackend

    return OpenAIBackend(
        expert.model, base_url=expert.base_url or "", api_key_env=expert.api_key_env
    )
