"""Made-up candidates: one on the device, others in the cloud, with what is expected of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from edge_router.device.latency import Speed
from edge_router.routing.deciding.decision import Decision, Rule
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.experts.panel import Candidate
from edge_router.settings.constraints import Constraints

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
SPEED = Speed(0.0, 1.0, 1.0)
QUALITY = st.floats(0, 1)
PRICE = st.floats(-1, 1)


def local(
    name: str = "local",
    quality: float = 0.5,
    *,
    location: Location = Location.DEVICE,
    cost: float | None = 0.0,
    latency: float = 1.0,
    context: int | None = None,
    configured: bool = True,
) -> Candidate:
    """Free, unless something else is stated."""
    expert = Expert(name, name, location, HEAD, SPEED, None, context)
    return Candidate(expert, Estimate(name, quality, cost, latency, 10.0), configured)


def cloud(
    name: str = "cloud",
    quality: float = 0.9,
    *,
    cost: float | None = 0.01,
    latency: float = 2.0,
    context: int | None = None,
    configured: bool = True,
) -> Candidate:
    """A cent, unless something else is stated."""
    return local(
        name,
        quality,
        location=Location.CLOUD,
        cost=cost,
        latency=latency,
        context=context,
        configured=configured,
    )


def decided(
    *candidates: Candidate,
    price: float | OperatingPoint = 0.2,
    rule: Rule | None = None,
    tokens: int = 100,
    constraints: Constraints | None = None,
    doubts: Mapping[str, Reason] | None = None,
) -> Decision:
    """By the rule of a price, unless another one is given."""
    point = price if isinstance(price, OperatingPoint) else OperatingPoint.of_price(price)
    return decide(
        candidates,
        constraints=constraints or Constraints(),
        rule=rule or PriceRule(point),
        input_tokens=tokens,
        doubts=doubts or {},
    )


CLOUDS = st.lists(
    st.builds(
        cloud,
        st.sampled_from(["gpt", "claude", "llama"]),
        QUALITY,
        cost=st.none() | st.floats(0, 1),
        latency=st.floats(0, 100),
    ),
    max_size=3,
    unique_by=lambda candidate: candidate.expert.name,
)
"""Up to three experts in the cloud."""
