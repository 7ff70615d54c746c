"""What a decision says of a query, as the facts that /v1/systemone is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from edge_router.routing.deciding.decision import Decision

from .wire.systemone import Facts

__all__ = ["facts_of"]


def facts_of(decision: Decision, task_kinds: Sequence[str]) -> Facts:
    """The facts in a decision of `Router.route`, whose representation ends with the posterior over
    the artifact's `task_kinds`. Who is asked is certain, unless exploration has a say."""
    assert decision.grounds is not None
    assert decision.grounds.query is not None
    posterior = decision.grounds.query.representation.vector[-len(task_kinds) :]
    candidates = [one.expert.name for one in decision.grounds.candidates]
    experts = {name: float(name == decision.expert) for name in candidates}
    weakest = min(decision.estimates[name].quality for name in candidates)
    kinds = {name: max(0.0, float(p)) for name, p in zip(task_kinds, posterior, strict=True)}
    return Facts(decision.needs_tools, 1 - weakest, kinds, experts)
