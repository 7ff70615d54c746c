"""Handover: watches the answer of an expert on the device, and asks another where it looks bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, Self

from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatChunk
from edge_router.errors import BackendUnavailable, NoExpertFits
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Decision, Rule
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deferral import Deferral
from edge_router.routing.experts.expert import Expert, Location
from edge_router.routing.experts.panel import Candidate
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

from .holdback import Watch
from .query import Ask, Chunks, Query, first_piece

__all__ = ["Handover", "reconsider", "what_is_left"]


class Chooser(Protocol):
    """The part of `Router` that a handover needs."""

    artifact: RouterArtifact
    experts: tuple[Expert, ...]
    point: OperatingPoint
    rule: Rule


@dataclass(frozen=True, slots=True, eq=False)
class Handover:
    """Asks experts as `asking` does, of which it is a wrapper with the same shape: an answer of an
    expert on the device is watched, and handed over to another expert where it looks bad.

    `limits` gives the constraints that hold now for a query with some of its own.
    """

    watch: Watch
    router: Chooser
    asking: Ask
    limits: Callable[[Constraints | None], Constraints]

    @classmethod
    def from_config(
        cls,
        config: Config,
        router: Chooser,
        *,
        asking: Ask,
        limits: Callable[[Constraints | None], Constraints],
    ) -> Self | None:
        """The handover that the settings state, None where deferral is off. Raises ConfigError
        as `Watch.from_config` does."""
        watch = Watch.from_config(config, router.artifact)
        return None if watch is None else cls(watch, router, asking, limits)

    def ask(self, query: Query, name: str) -> Chunks:
        """The answer of `name`, or that of the expert it is handed to.

        Only the answer of the expert that was decided on is watched: when a fallback answers, the
        experts that could take over from it have failed already.
        """
        if name == query.decision.expert and self.watch.serves(self._expert(name)):
            return self._watched(query)
        return self.asking(query, name)

    def _watched(self, query: Query) -> Chunks:
        """The decided expert's answer, or that of another; `query` gets the deferral, and the
        failure of an expert that could not take over."""
        name = query.decision.expert
        expected = query.decision.estimates[name].quality
        return self.watch.hold_back(
            self.asking(query, name),
            self.router.point.uncorrected(name, expected),  # what the gate was fitted to
            judge=partial(self._judge, query),
            hand_over=partial(self._hand_over, query),
        )

    def _judge(self, query: Query, probability: float, tokens: int) -> Deferral | None:
        limits = self.limits(query.constraints)
        return reconsider(
            query.decision,
            self.router.experts,
            probability=probability,
            tokens=tokens,
            constraints=what_is_left(
                limits, cost_usd=self._begun_usd(query, tokens), seconds=query.elapsed()
            ),
            rule=self._rule(query.decision),
        )

    def _rule(self, decision: Decision) -> Rule:
        """The rule that decided: for a query that needs tools it is not the usual one."""
        return decision.grounds.rule if decision.grounds else self.router.rule

    def _begun_usd(self, query: Query, tokens: int) -> float:
        """Dollars for the first `tokens` tokens of the decided expert; 0 for an unknown price."""
        pricing = self._expert(query.decision.expert).pricing
        read = query.request.characters / CHARACTERS_PER_TOKEN
        return 0.0 if pricing is None else pricing.cost(read, tokens)

    def _hand_over(self, query: Query, deferral: Deferral) -> Chunks | None:
        name = deferral.to
        query.deferral = deferral
        try:
            chunks = self.asking(query, name)
            return _put_back(first_piece(chunks, name), chunks)
        except BackendUnavailable as error:
            if query.deadline.cancelled:
                raise
            query.failures[name] = error
            return None

    def _expert(self, name: str) -> Expert:
        return next(expert for expert in self.router.experts if expert.name == name)


def _put_back(first: ChatChunk, rest: Chunks) -> Chunks:
    with closing(rest):
        yield first
        yield from rest


def what_is_left(constraints: Constraints, *, cost_usd: float, seconds: float) -> Constraints:
    """The limits on the second expert, after the cost and the time of the first."""
    return replace(
        constraints,
        max_cost_usd=_less(constraints.max_cost_usd, cost_usd),
        max_latency_s=_less(constraints.max_latency_s, seconds),
        budget_left_usd=_less(constraints.budget_left_usd, cost_usd),
    )


def _less(limit: float | None, taken: float) -> float | None:
    return None if limit is None else max(0.0, limit - taken)


def reconsider(
    decision: Decision,
    experts: Iterable[Expert],
    *,
    probability: float,
    tokens: int,
    constraints: Constraints,
    rule: Rule,
) -> Deferral | None:
    """Decide again, now that the first `tokens` tokens of the answer are known: between the expert
    that writes it, good with `probability`, and the experts elsewhere that the first decision
    admits.

    `constraints` are what is left of them; they rule out as they did the first time. The others
    are compared with, so that expenses are what they were, but for the rest of the answer that was
    begun, which costs nothing more. None where the expert that began should go on.
    """
    by_name = {expert.name: expert for expert in experts}
    began = by_name[decision.expert]
    elsewhere = {e for e in decision.fallbacks if by_name[e].location != Location.DEVICE}
    estimates = {name: decision.estimates[name] for name in decision.estimates if name in by_name}
    estimates[began.name] = replace(
        estimates[began.name], quality=probability, cost_usd=0.0, latency_s=0.0
    )
    candidates = [Candidate(by_name[name], estimate) for name, estimate in estimates.items()]
    absent = estimates.keys() - {began.name, *elsewhere}
    try:
        second = decide(
            candidates, constraints=constraints, rule=rule, input_tokens=0, absent=absent
        )
    except NoExpertFits:
        return None
    if second.expert == began.name:
        return None
    return Deferral(began.name, second.expert, tokens, probability, second.gain, second.min_gain)
