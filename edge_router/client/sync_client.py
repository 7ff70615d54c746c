"""EdgeRouter: the client. Routes a query, asks the chosen expert, falls back, streams."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self, get_args
from weakref import WeakSet

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.backends.masked_choice import ChoosesNames
from edge_router.chat.completion import ChatRequest, Ending, Prompt
from edge_router.device.machine import DeviceSource
from edge_router.device.speeds import read_speeds
from edge_router.errors import ConfigError, NoExpertFits, RouterClosed
from edge_router.guards.forking import ForkSafeLock
from edge_router.guards.redaction import quoted
from edge_router.layers.budget import Budget
from edge_router.layers.resilience import resilient
from edge_router.learning.online import Learning, checked_score
from edge_router.routing.deciding.decision import Rule, Snapshot
from edge_router.routing.deciding.ranked_rule import RankedRule, alone_with, experts_called
from edge_router.routing.opening import open_backend, preload
from edge_router.routing.record import AnswerRecord, Hook, log_record
from edge_router.routing.router import Router
from edge_router.settings.config import Config, configured_limits
from edge_router.settings.constraints import Constraints, require_constraints

from .agent_dispatch import UNSET, Asked, D, Dispatched, RoutesAgents, called, decided
from .answer import Answer, AnswerStream, record_of, whole_answer
from .arguments import checked_backends, gate_of, settings_of
from .asking.chain import Answers, cached, hedged, keepable
from .asking.dispatch import Asking, Dispatch
from .asking.handover import Handover
from .asking.query import OnBreak, Query
from .hooks import Hooks
from .running_estimates import Experience

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import ConsentQuestion

__all__ = ["EdgeRouter"]


log = logging.getLogger("edge_router")

CLOSE_S = 0.25  # how long `close` waits for streams that other threads read


class EdgeRouter:
    """Answers queries with whichever expert suits each one best.

    Without a `config` the settings are read as `Config.load` describes; with nothing configured it
    runs SmolLM2-135M on this device. `backends` replaces configured ones by name. `hooks` receive
    an AnswerRecord after every answer, also a cancelled or broken one; they run in a thread of
    their own, an answer waits a quarter of a second for them at most, and one that raises is
    logged. `device` reads the state of this machine, `draw` gives the random numbers (0..1) that
    exploration needs. `consent` says whether an expert may read private data, where the settings
    say to ask. Thread-safe; a forked child opens its own connections and models. Raises
    ConfigError, ArtifactError or MissingExtra at once when something it needs is missing.
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
        self.config = settings_of(config)
        backends = checked_backends({} if backends is None else backends, self.config)
        measured = read_speeds(self.config)
        self.router = Router.from_config(self.config, measured=measured)
        self.experience = Experience.of(
            self.config, self.router.experts, measured=measured, device=device
        )
        self._configured = configured_limits(self.config)
        self._budget = Budget.from_config(self.config)
        self._learning = Learning.from_config(
            self.config, self.router, draw=draw, keepable=keepable(self.config)
        )
        self._hooks = None if hooks == () else Hooks(hooks)
        self._lock = ForkSafeLock()
        self._closed = False
        self._streams: WeakSet[AnswerStream] = WeakSet()
        self._gate = gate_of(self.config, consent)
        self._backends = {name: self._guarded(one, name) for name, one in backends.items()}
        self._dispatch = self._chain(backends)
        for name, expert in self.config.experts.items():
            if expert.backend == "llama_cpp":  # cheap, and a missing file is reported at once
                self._backend(name)

    def complete(
        self,
        prompt: Prompt,
        *,
        constraints: Constraints | None = None,
        rule: Rule | None = None,
    ) -> Answer:
        """The whole answer.

        `constraints` tighten the configured ones for this query; they never loosen them. A `rule`
        chooses for this query instead of the configured one, within the same limits. Raises
        InvalidRequest, NoExpertFits, BackendRejected, BackendProtocolError, AllBackendsFailed or
        RouterClosed. Only BackendUnavailable makes it ask the next expert.
        """
        return whole_answer(self.answer(prompt, constraints, rule, whole=True))

    def stream(
        self,
        prompt: Prompt,
        *,
        constraints: Constraints | None = None,
        rule: Rule | None = None,
        on_break: OnBreak = "raise",
    ) -> AnswerStream:
        """The answer in pieces; closing it, from any thread, cancels.

        Raises as `complete` does. An expert that fails after its first piece raises: what the user
        has read already is not started again by another expert. With `on_break` "restart" it is:
        a chunk that `restarts` says so, and the record has the failure.
        """
        return self.answer(prompt, constraints, rule, whole=False, on_break=on_break)

    def answer(
        self,
        prompt: Prompt,
        constraints: Constraints | None,
        rule: Rule | None,
        *,
        whole: bool,
        on_break: OnBreak = "raise",
        alone: str | None = None,
    ) -> AnswerStream:
        """The answer in pieces, as `stream` gives it; a `whole` answer is given only once it is
        complete.

        With `alone`, the name of an expert, only that expert is asked, and nothing is learned.
        Raises NoExpertFits where it may not be asked, ConfigError for an unknown name.
        """
        names = () if alone is None else experts_called(alone, self.router.experts)
        if on_break not in get_args(OnBreak):
            raise ConfigError(f"on_break is {quoted(on_break)}; use 'raise' or 'restart'")
        ranked = RankedRule(names) if len(names) == 1 else rule  # levels compete by the usual rule
        query = self._decide(prompt, constraints, ranked, learned=not names)
        query.decision = alone_with(query.decision, names) if names else query.decision
        query.on_break = on_break
        return self._answer(query, whole=whole)

    def consult(
        self, expert: str, prompt: Prompt, *, constraints: Constraints | None = None
    ) -> Answer:
        """The whole answer of one expert to a question of the program's own, such as which task a
        query is.

        Limits, deadline and budget hold, and hooks get the record; no other expert steps in, and
        nothing is explored or learned. Raises as `complete` does, NoExpertFits where this expert is
        ruled out, and ConfigError for an unknown one.
        """
        return whole_answer(self.answer(prompt, constraints, None, whole=True, alone=expert))

    def dispatch(
        self,
        prompt: Prompt,
        *,
        agents: RoutesAgents[D],
        state: object = UNSET,
        events: Sequence[str] = (),
        call: Mapping[str, Callable[..., object]] | None = None,
        constraints: Constraints | None = None,
    ) -> Dispatched[D]:
        """Hand a request to an agent, or have a model answer where no agent is meant.

        `agents` is an `edge_router.agents.router.AgentRouter`; `state` is that of the conversation,
        from the decision before. Nothing is executed but what `call` has by the agent's name, and
        that only with arguments that fit its schema. A request that must stay on the user's own
        machines, or that the privacy gate finds something in, is read by no agents' model over the
        network. Raises as `complete` and `agents.route` do, and what the callable raises.
        """
        deadline, request = Deadline.after(self.config.deadline_s), ChatRequest.of(prompt)
        ask = Asked(request, state=state, events=events, deadline=deadline)
        decision = self.agent(ask, agents, constraints)
        if decision.agent is None:
            return Dispatched(decision, answer=self.complete(request, constraints=constraints))
        return called(decision, {} if call is None else call)

    def agent(self, asked: Asked, agents: RoutesAgents[D], constraints: Constraints | None) -> D:
        """The decision that `dispatch` follows, without anything being called."""
        self._require_open()
        is_private = self._gate is not None and self._gate.finds(asked.request)
        return decided(agents, asked, self._limits(constraints), is_private=is_private)

    def chooser(self, *experts: str) -> ChoosesNames | None:
        """The first of the `experts` (all) that can weigh names against each other: a local model,
        whose words nobody pays for. It is closed with this client, and no record is made."""
        named = experts or self.config.experts
        opened = [self._backends[name] for name in named if name in self._backends]
        return next((o for o in opened if isinstance(o, ChoosesNames) and o.can_choose), None)

    def feedback(self, decision_id: str, score: float) -> bool:
        """Grade an answer: the id of its AnswerRecord, and a score in 0..1.

        False where it was not kept: the setting `learn` is off, the answer is too old, or the log
        cannot be written. Raises LearningError for a score outside 0..1, RouterClosed.
        """
        self._require_open()
        checked = checked_score(score)
        return self._learning is not None and self._learning.score(decision_id, checked)

    def warm_up(self) -> None:
        """Decide once and load the local models, before the first query; asks no expert."""
        self.router.estimate("warm up")
        preload(map(self._backend, self.config.experts), Deadline.after(self.config.deadline_s))

    def constraints(self, caller: str | None = None) -> Constraints:
        """The configured limits, with what is left of the budget (for `caller`)."""
        if not self._budget.limited:
            return self._configured
        return self._budget.limits(self._configured, caller)

    def close(self) -> None:
        """End the answers under way, whose threads get RouterClosed as later calls do; release
        models, threads and sockets; keep speeds where the settings say so."""
        with self._lock:
            self._closed = True
            backends, self._backends = self._backends, {}
            streams = list(self._streams)
        for stream in streams:
            stream.cancel(router_closed=True)
        until = Deadline.after(CLOSE_S)
        for stream in streams:
            stream.end(until.remaining())
        for name, backend in backends.items():
            try:
                backend.close()
            except Exception:  # the others are released all the same
                log.exception("the backend of %s failed while it was closed", name)
        if backends and self.config.keep_speeds:
            self.experience.keep(self.config)
        if self._learning is not None:
            self._learning.close()
        self._budget.close()
        self._dispatch.close()
        if self._hooks is not None:
            self._hooks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_open(self) -> None:
        if self._closed:
            raise RouterClosed("this EdgeRouter is closed; make a new one")

    def _chain(self, backends: Mapping[str, Backend]) -> Answers:
        """What asks experts, with handover, hedging and the cache where the settings want them."""
        experts = {expert.name: expert for expert in self.router.experts}
        asking = Asking(self.config, experts, budget=self._budget, opened=self._backend)
        handover = Handover.from_config(
            self.config, self.router, asking=asking.ask, limits=self._limits
        )
        self._needs_confidence = handover is not None
        inner = asking.ask if handover is None else handover.ask
        ask = hedged(self.config, inner, self.router.experts, self.experience.failed, self._gate)
        return cached(self.config, Dispatch(ask, self.experience), self.router, backends)

    def _decide(
        self,
        prompt: Prompt,
        constraints: Constraints | None,
        rule: Rule | None,
        *,
        learned: bool = True,
    ) -> Query:
        self._require_open()
        started = time.monotonic()
        limits = self._limits(constraints)
        request = ChatRequest.of(prompt)
        snapshot = self._snapshot(request, limits)
        try:
            decision = self.router.route(request, limits, snapshot, rule=rule)
        except NoExpertFits as error:
            raise self._budget.explained(error, limits.caller) from None
        if self._learning is not None and learned:
            decision = self._learning.decided(decision)
        router_s = time.monotonic() - started
        deadline = Deadline(started + self.config.deadline_s)
        query = Query(request, decision, constraints, snapshot, deadline, started, router_s)
        query.learned = learned
        return query

    def _answer(self, query: Query, *, whole: bool) -> AnswerStream:
        query.whole = whole
        stream = AnswerStream(query, self._dispatch.run(query), finish=self._finish)
        with self._lock:
            self._require_open()
            self._streams.add(stream)
        return stream

    def _snapshot(self, request: ChatRequest, limits: Constraints) -> Snapshot:
        with self._lock:
            backends = dict(self._backends)
        snapshot = self.experience.snapshot(request, backends)
        if self._budget.limited:
            doubts = self._budget.doubts(self.router.experts, request, limits.caller)
            snapshot = replace(snapshot, doubts={**doubts, **snapshot.doubts})
        if self._gate is None:
            return snapshot
        return replace(snapshot, withheld=self._gate.withheld(request))

    def _limits(self, constraints: Constraints | None) -> Constraints:
        """The limits that hold now for a query with `constraints` of its own."""
        if constraints is None:
            return self.constraints()
        require_constraints(constraints)
        return self.constraints(constraints.caller).tightened(constraints)

    def _finish(self, query: Query, ended: Ending) -> AnswerRecord:
        """The record of an ended answer, once it is logged, learned from and given to the hooks."""
        record = record_of(query, ended)
        log_record(record)
        if record.cached is None:
            self.experience.answered(record, query.request, query.snapshot)
        if self._learning is not None and query.learned and record.cached is None:
            self._learning.answered(record, query.request)
        if self._hooks is not None:
            self._hooks.run(record, wait=not self._closed)
        return record

    def _backend(self, name: str) -> Backend:
        with self._lock:
            self._require_open()
            if name not in self._backends:
                expert = self.config.experts[name]
                backend = open_backend(expert, confidence=self._needs_confidence)
                self._backends[name] = self._guarded(resilient(backend, expert, name=name), name)
            return self._backends[name]

    def _guarded(self, backend: Backend, name: str) -> Backend:
        return backend if self._gate is None else self._gate.guarded(backend, name)
