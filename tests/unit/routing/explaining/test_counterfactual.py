"""What would have changed a decision: every claim is tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.device.latency import Speed
from edge_router.errors import NoExpertFits
from edge_router.routing.deciding.decision import Grounds
from edge_router.routing.deciding.policy import decide_again
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.deciding.topsis import PreferenceRule
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.experts.panel import Candidate
from edge_router.routing.explaining.change import Change, GainStep
from edge_router.routing.explaining.counterfactual import apply, changes
from edge_router.settings.constraints import Constraints, Placement

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))


def candidate(
    name: str,
    quality: float,
    *,
    cost: float | None = 0.0,
    latency: float = 1.0,
    context: int | None = None,
    configured: bool = True,
) -> Candidate:
    """On the device if it is called local, else in the cloud."""
    where = Location.DEVICE if name == "local" else Location.CLOUD
    expert = Expert(name, name, where, HEAD, Speed(0.0, 1.0, 1.0), None, context)
    return Candidate(expert, Estimate(name, quality, cost, latency, 10.0), configured)


def grounds(
    *candidates: Candidate,
    constraints: Constraints | None = None,
    gain: float = 0.3,
    tokens: int = 100,
    preference: str | None = None,
    doubts: Mapping[str, Reason] | None = None,
) -> Grounds:
    """What a decision is made from."""
    rule = PreferenceRule.of(preference) if preference else PriceRule.of_price(gain)
    limits = constraints or Constraints()
    return Grounds(tuple(candidates), limits, rule, tokens, doubts or {})


LOCAL, CLOUD = candidate("local", 0.6), candidate("cloud", 0.845, cost=0.0042, latency=2.0)


def words(found: Grounds) -> list[str]:
    """Of each change."""
    return [change.words for change in changes(found)]


def replayed(found: Grounds, change: Change) -> str:
    """The expert that answers after the steps."""
    for step in change.steps:
        found = apply(found, step)
    return decide_again(found).expert


def test_a_gain_just_too_small_comes_with_one_that_is_enough() -> None:
    """To as few digits as it takes, and never a step further than needed."""
    assert words(grounds(LOCAL, CLOUD)) == ["with min_gain 0.24 instead of 0.3, cloud would answer"]
    assert words(grounds(LOCAL, CLOUD, gain=0.2)) == [
        "with min_gain 0.25 instead of 0.2, local would answer"
    ]


@pytest.mark.parametrize(
    ("constraints", "told"),
    [
        (Constraints(offline=True), ["without offline"]),
        (
            Constraints(placement=Placement.ONLY_ON_DEVICE),
            ["with placement prefer_on_device instead of only_on_device"],
        ),
        (
            Constraints(max_cost_usd=0.001),
            [
                "with max_cost_usd 0.0042 instead of 0.001",
                "if cloud cost at most $0.001 instead of $0.0042",
            ],
        ),
        (
            Constraints(budget_left_usd=0.0),
            [
                "with $0.0042 left of the budget instead of $0",
                "if cloud cost at most $0 instead of $0.0042",
            ],
        ),
        (Constraints(max_latency_s=1.5), ["with max_latency_s 2 instead of 1.5"]),
        (
            Constraints(offline=True, max_latency_s=1.5),
            ["without offline and with max_latency_s 2 instead of 1.5"],
        ),
    ],
    ids=["offline", "placement", "cost", "budget", "latency", "two"],
)
def test_a_constraint_is_loosened_as_little_as_it_takes(
    constraints: Constraints, told: list[str]
) -> None:
    """By its name in the settings, in dollars and seconds."""
    found = grounds(LOCAL, CLOUD, constraints=constraints, gain=0.2)
    assert words(found) == [f"{how}, cloud would answer" for how in told]


def test_a_turn_far_from_any_price_is_no_change() -> None:
    """Local experts of which one costs next to nothing: no price brings back the free one."""
    free, dear = candidate("local", 0.4), candidate("local", 0.6, cost=1e-307)
    dear = replace(dear, expert=replace(dear.expert, name="dear"))
    found = changes(grounds(free, dear, candidate("cloud", 0.7, cost=1.0)))
    assert [change.expert for change in found] == ["cloud"]


def test_the_expert_itself_may_be_what_would_have_to_change() -> None:
    """Not configured, price not known, context too short."""
    away = grounds(LOCAL, replace(CLOUD, configured=False), gain=0.2)
    assert words(away) == ["if cloud were configured, cloud would answer"]
    dark = candidate("cloud", 0.9, cost=None)
    priced = grounds(LOCAL, dark, constraints=Constraints(max_cost_usd=0.01), gain=0.2)
    assert words(priced) == [
        "if cloud cost at most $0.01 instead of an unknown price, cloud would answer"
    ]
    short = grounds(candidate("local", 0.6, context=50), CLOUD)
    assert words(short) == ["if the query had at most 49 tokens instead of 100, local would answer"]


def test_a_wish_for_the_cloud_goes_first() -> None:
    """Without it the gain decides, so both are named where both are needed."""
    wish = Constraints(placement=Placement.PREFER_IN_CLOUD)
    (change,) = changes(grounds(LOCAL, CLOUD, constraints=wish, gain=0.1))
    assert [step.setting for step in change.steps] == ["placement", "min_gain"]
    assert change.steps[1] == GainStep(0.1, 0.25)


def test_a_doubt_is_reported_as_one() -> None:
    """Even one with the code of a constraint; a constraint that holds as well goes first."""
    low = grounds(LOCAL, CLOUD, doubts={"local": Reason.LOW_BATTERY})
    assert words(low) == ["without the doubt about local (the battery is low), local would answer"]
    away = grounds(LOCAL, CLOUD, doubts={"cloud": Reason.OFFLINE}, gain=0.2)
    assert words(away) == [
        "without the doubt about cloud (this device is offline), cloud would answer"
    ]
    both = replace(away, constraints=Constraints(offline=True))
    (told,) = words(both)
    assert told.startswith("without offline and without the doubt about cloud")


def test_another_preference_where_one_decides() -> None:
    """No least gain is named then, since none applies."""
    found = grounds(LOCAL, CLOUD, preference="performance")
    assert words(found) == ["with preference cost instead of performance, local would answer"]


NUMBER = st.floats(0, 1)
GROUNDS = st.builds(
    grounds,
    st.builds(candidate, st.just("local"), NUMBER, context=st.none() | st.integers(1, 200)),
    st.builds(candidate, st.just("a"), NUMBER, cost=st.none() | NUMBER, latency=NUMBER),
    st.builds(candidate, st.just("b"), NUMBER, cost=NUMBER, configured=st.booleans()),
    constraints=st.builds(
        Constraints,
        placement=st.sampled_from(Placement),
        offline=st.booleans(),
        max_cost_usd=st.none() | NUMBER,
        max_latency_s=st.none() | st.floats(0.5, 2),
        budget_left_usd=st.none() | NUMBER,
    ),
    gain=st.floats(-1, 1),
    preference=st.sampled_from([None, "performance", "cost", "auto"]),
    doubts=st.dictionaries(
        st.sampled_from(["local", "a", "b"]),
        st.sampled_from([Reason.OFFLINE, Reason.MEMORY, Reason.UNREACHABLE]),
    ),
)


@settings(max_examples=40)
@given(GROUNDS)
def test_every_change_is_true_when_replayed(found: Grounds) -> None:
    """Whatever the numbers: after the steps that expert answers, before them another one."""
    try:
        chosen = decide_again(found).expert
    except NoExpertFits:
        return
    for change in changes(found):
        assert change.expert != chosen
        assert replayed(found, change) == change.expert


@settings(max_examples=40)
@given(GROUNDS)
def test_a_lone_gain_is_the_nearest_of_its_digits(found: Grounds) -> None:
    """One step of the last digit back towards the present one, it no longer holds."""
    try:
        decide_again(found)
    except NoExpertFits:
        return
    for change in changes(found):
        (step, *more) = change.steps
        if isinstance(step, GainStep) and not more and abs(step.becomes - step.was) > 0.01:
            back = step.becomes + (0.01 if step.becomes < step.was else -0.01)
            assert replayed(found, Change("", (replace(step, becomes=back),))) != change.expert
