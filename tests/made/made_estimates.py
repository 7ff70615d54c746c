"""The estimate of one expert alone, for tests."""

from __future__ import annotations

from edge_router.device.latency import ExpertState
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.expert import Estimate, Expert
from edge_router.routing.experts.panel import Panel


def estimated(
    expert: Expert,
    query: Representation,
    *,
    input_tokens: int,
    max_tokens: int,
    state: ExpertState | None = None,
) -> Estimate:
    """What a panel of this expert alone expects; without `state` its speed is as stated."""
    states = {expert.name: state} if state else {}
    limits = {"input_tokens": input_tokens, "max_tokens": max_tokens}
    return Panel.of([expert]).estimate(query, **limits, states=states).estimate(0)
