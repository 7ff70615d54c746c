"""The second decision: the same rules, with what the gate says in place of the estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.client.asking.handover import reconsider, what_is_left
from edge_router.device.latency import Speed
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.price_rule import CheapestRule, PriceRule
from edge_router.routing.deferral import Deferral
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location, Pricing
from edge_router.routing.experts.panel import Candidate
from edge_router.settings.constraints import Constraints, Placement

FREE = Constraints()
RULE = PriceRule.of_price(0.4)
HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
LOCAL, NEAR, CLOUD, BEST = (
    Expert(name, name, location, HEAD, Speed(0.1, 100.0, 10.0), Pricing(price, price))
    for name, location, price in (
        ("local", Location.DEVICE, 0.0),
        ("near", Location.DEVICE, 0.0),
        ("cloud", Location.CLOUD, 1.0),
        ("best", Location.CLOUD, 10.0),
    )
)
QUALITY = {"local": 0.6, "near": 0.55, "cloud": 0.8, "best": 0.9}
COST = {"local": 0.0, "near": 0.0, "cloud": 0.006, "best": 0.01}
LATENCY = {"local": 1.0, "near": 2.0, "cloud": 2.0, "best": 3.0}


def second(
    probability: float,
    *,
    experts: tuple[Expert, ...] = (LOCAL, CLOUD),
    first: Constraints = FREE,
    left: Constraints = FREE,
) -> Deferral | None:
    """Decide under `first`, then again after 16 tokens that are good with `probability`."""
    candidates = [
        Candidate(
            e, Estimate(e.name, QUALITY[e.name], COST[e.name], LATENCY[e.name], output_tokens=50.0)
        )
        for e in experts
    ]
    decision = decide(candidates, constraints=first, rule=RULE, input_tokens=10)
    assert decision.expert == "local"
    return reconsider(
        decision, experts, probability=probability, tokens=16, constraints=left, rule=RULE
    )


def test_a_bad_beginning_goes_to_the_cloud() -> None:
    """As soon as the gain over what was begun is what the operating point asks for."""
    assert second(0.41) is None
    assert second(0.39) == Deferral(
        "local", "cloud", 16, 0.39, pytest.approx(0.41), pytest.approx(0.4)
    )


def test_the_dearer_of_two_clouds_must_be_worth_it_too() -> None:
    """The policy's own rule; another expert on this device is not asked."""
    experts = (LOCAL, NEAR, CLOUD, BEST)
    found = second(0.3, experts=experts)
    assert found is not None
    assert found.to == "cloud"


@pytest.mark.parametrize(
    "limits",
    [
        Constraints(placement=Placement.ONLY_ON_DEVICE),
        Constraints(offline=True),
        Constraints(max_cost_usd=0.0009),
        Constraints(max_latency_s=1.9),
        Constraints(budget_left_usd=0.0009),
    ],
)
def test_no_constraint_is_loosened(limits: Constraints) -> None:
    """Neither one that ruled the cloud out at first, nor one that does by now."""
    assert second(0.0, first=limits) is None
    assert second(0.0, left=limits) is None
    assert second(0.0) is not None


def test_a_cloud_whose_price_is_unknown_stays_out_under_a_limit() -> None:
    """As in the first decision."""
    nameless = replace(CLOUD, pricing=None)
    assert second(0.0, experts=(LOCAL, nameless), left=Constraints(max_cost_usd=0.0)) is None


def test_what_is_left_of_the_limits() -> None:
    """The first expert's cost counts against both limits on cost; nothing goes below zero."""
    limits = Constraints(max_cost_usd=0.5, max_latency_s=2.0, budget_left_usd=0.1, offline=True)
    assert what_is_left(limits, cost_usd=0.25, seconds=0.5) == Constraints(
        max_cost_usd=0.25, max_latency_s=1.5, budget_left_usd=0.0, offline=True
    )
    assert what_is_left(Constraints(), cost_usd=1.0, seconds=1.0) == Constraints()


def test_expenses_are_those_of_the_first_decision() -> None:
    """One that may not take over still sets the scale: a cheaper one is asked for less."""
    experts = (LOCAL, CLOUD, BEST)
    left = Constraints(max_cost_usd=0.007)
    found = second(0.5, experts=experts, first=left, left=left)
    assert found is not None
    assert (found.to, found.min_gain) == ("cloud", pytest.approx(0.24))
    assert second(0.5) is None


def test_what_no_model_can_know_stays_where_it_began() -> None:
    """However bad its beginning looks: the dearer expert cannot know either."""
    candidates = [
        Candidate(e, Estimate(e.name, QUALITY[e.name], COST[e.name], 1.0, 50.0))
        for e in (LOCAL, CLOUD)
    ]
    rule = CheapestRule(RULE)
    decision = decide(candidates, constraints=FREE, rule=rule, input_tokens=10)
    again = {"probability": 0.01, "tokens": 16, "constraints": FREE}
    assert reconsider(decision, (LOCAL, CLOUD), **again, rule=rule) is None
    assert reconsider(decision, (LOCAL, CLOUD), **again, rule=RULE) is not None
