"""decide(): what constraints and the state of the device rule out, and who is then asked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_candidates import CLOUDS, PRICE, QUALITY, cloud, decided, local

from edge_router.errors import NoExpertFits
from edge_router.routing.deciding.reason import LACKS, PREFERRED, PRIVATE, RULED_OUT, Reason
from edge_router.routing.experts.expert import Location
from edge_router.routing.experts.panel import Candidate
from edge_router.settings.constraints import Constraints, Placement

LIMITS = st.builds(
    Constraints,
    placement=st.sampled_from(Placement),
    offline=st.booleans(),
    max_cost_usd=st.none() | st.floats(0, 1),
    max_latency_s=st.none() | st.floats(1, 100),
    budget_left_usd=st.none() | st.floats(0, 1),
)


def test_preferred_in_cloud() -> None:
    """A wish for the cloud is granted whatever the gain; the rule's best of the cloud answers."""
    found = decided(
        local(quality=1.0),
        cloud("gpt", 0.3),
        cloud("claude", 0.4),
        constraints=Constraints(Placement.PREFER_IN_CLOUD),
    )
    assert (found.expert, found.fallbacks) == ("claude", ("local", "gpt"))
    assert found.reason is Reason.PREFERRED_IN_CLOUD
    assert found.words == "the cloud is preferred"


def test_preferred_in_cloud_looks_at_configured_experts_first() -> None:
    """A better expert that is not there to ask is not the one that was wanted."""
    found = decided(
        local(),
        cloud("gpt", 0.6),
        cloud("frontier", 0.9, configured=False),
        constraints=Constraints(Placement.PREFER_IN_CLOUD),
    )
    assert (found.expert, found.wanted, found.reason) == ("gpt", "gpt", Reason.PREFERRED_IN_CLOUD)


def test_preferred_in_cloud_is_a_wish() -> None:
    """Where no cloud expert may answer, the device does, and the reason is why."""
    found = decided(
        local(), cloud(), constraints=Constraints(Placement.PREFER_IN_CLOUD, offline=True)
    )
    assert (found.expert, found.wanted, found.reason) == ("local", "cloud", Reason.OFFLINE)


RULES = {
    Reason.NOT_CONFIGURED: ({"configured": False}, Constraints()),
    Reason.ONLY_ON_DEVICE: ({}, Constraints(Placement.ONLY_ON_DEVICE)),
    Reason.OFFLINE: ({}, Constraints(offline=True)),
    Reason.CONTEXT_LENGTH: ({"context": 100}, Constraints()),
    Reason.PRICE_UNKNOWN: ({"cost": None}, Constraints(max_cost_usd=1.0)),
    Reason.MAX_COST: ({"cost": 0.02}, Constraints(max_cost_usd=0.01)),
    Reason.BUDGET: ({"cost": 0.02}, Constraints(max_cost_usd=1.0, budget_left_usd=0.01)),
    Reason.MAX_LATENCY: ({"latency": 9.0}, Constraints(max_latency_s=8.0)),
}


DOUBTS = (Reason.MEMORY, Reason.LOW_BATTERY, Reason.UNREACHABLE)


@pytest.mark.parametrize("reason", RULES)
def test_the_wanted_expert_is_ruled_out(reason: Reason) -> None:
    """The other one answers; the reason and the words tell who was wanted and what forbade it."""
    settings, constraints = RULES[reason]
    found = decided(local(), cloud(**settings), constraints=constraints)  # type: ignore[arg-type]
    assert (found.expert, found.wanted, found.fallbacks) == ("local", "cloud", ())
    assert found.reason is reason
    assert found.excluded == {"cloud": reason}
    assert found.words == f"cloud was wanted, but {RULED_OUT[reason]}"


def test_only_in_cloud_rules_out_the_device() -> None:
    """The same the other way round: a local expert that was good enough may not answer."""
    found = decided(local(quality=0.9), cloud(), constraints=Constraints(Placement.ONLY_IN_CLOUD))
    assert (found.expert, found.wanted, found.reason) == ("cloud", "local", Reason.ONLY_IN_CLOUD)
    assert found.excluded == {"local": Reason.ONLY_IN_CLOUD}
    assert found.words == "local was wanted, but only the cloud may answer"


def test_every_reason_has_its_test() -> None:
    """The tests above cover each code, and each that rules out has its words."""
    ruling = {*RULES, *DOUBTS, Reason.ONLY_IN_CLOUD}
    ruling |= {*LACKS.values(), Reason.REMOTE_PART}  # test_needs.py
    ruling |= {Reason.ONLY_ON_LAN}  # test_places.py
    ruling |= {Reason.OTHER_THINKING, Reason.NO_ROOM_TO_THINK}  # test_thinking.py
    ruling |= {Reason.BUDGET_UNKNOWN, Reason.TOKEN_BUDGET}  # layers/test_shared_budget.py
    ruling |= {*PRIVATE.values()}  # tests/unit/layers/privacy/test_gate.py
    by_price = {Reason.CHEAPEST_IS_ENOUGH, Reason.GAIN_IS_WORTH_IT, Reason.LEAST_QUALITY}
    by_price |= {Reason.NEEDS_TOOLS}  # test_price_rule.py
    elsewhere = {*PREFERRED, Reason.EXPLORATION}  # test_topsis.py, test_exploration.py
    elsewhere |= {Reason.TASK_EXPERT, Reason.ASKED_BY_NAME}  # test_ranked_rule.py
    elsewhere |= {Reason.TOOL_LOOP, Reason.SAME_EXPERT}  # test_tool_loop, test_affinity
    assert ruling | by_price | elsewhere | {Reason.PREFERRED_IN_CLOUD} == set(Reason)
    assert set(RULED_OUT) == ruling


@pytest.mark.parametrize("reason", DOUBTS)
def test_a_doubt_rules_out_while_somebody_else_may_answer(reason: Reason) -> None:
    """The state of the device is a reason to ask somebody else, not to give no answer."""
    doubts = {"cloud": reason, "stranger": reason}
    found = decided(local(), cloud(), doubts=doubts)
    assert (found.expert, found.wanted, found.reason) == ("local", "cloud", reason)
    assert found.words == f"cloud was wanted, but {RULED_OUT[reason]}"
    assert decided(cloud(), doubts=doubts).expert == "cloud"
    limits = Constraints(Placement.ONLY_IN_CLOUD)
    assert decided(local(), cloud(), doubts=doubts, constraints=limits).expert == "cloud"


def test_where_everybody_is_in_doubt_all_are_asked() -> None:
    """As if nothing were known of the device."""
    doubts = {"local": Reason.MEMORY, "cloud": Reason.UNREACHABLE}
    assert decided(local(), cloud(), doubts=doubts).order == ("cloud", "local")


def test_a_limit_is_told_before_a_doubt() -> None:
    """Of two reasons the one that cannot pass away by itself."""
    found = decided(
        local(),
        cloud(context=50),
        doubts={"cloud": Reason.UNREACHABLE},
    )
    assert found.excluded == {"cloud": Reason.CONTEXT_LENGTH}


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(max_cost_usd=0.01),
        Constraints(budget_left_usd=0.01),
        Constraints(max_latency_s=2.0),
    ],
    ids=["cost", "budget", "latency"],
)
def test_what_meets_a_limit_exactly_is_within_it(constraints: Constraints) -> None:
    """A limit is the most that is allowed, not the first that is not."""
    assert decided(local(), cloud(), constraints=constraints).expert == "cloud"


@pytest.mark.parametrize(("context", "fits"), [(100, False), (101, True), (None, True)])
def test_a_context_needs_room_for_an_answer(context: int | None, fits: bool) -> None:
    """A query that fills the context leaves none; an unknown context is not checked."""
    found = decided(local(), cloud(context=context), tokens=100)
    assert (found.expert == "cloud") is fits


def test_a_free_local_expert_passes_limits_of_zero() -> None:
    """Nothing to spend still allows what costs nothing."""
    limits = Constraints(max_cost_usd=0.0, budget_left_usd=0.0)
    found = decided(local(), cloud(), constraints=limits)
    assert (found.expert, found.reason) == ("local", Reason.MAX_COST)


def test_no_expert_fits_tells_why_each_was_out() -> None:
    """Every expert is named with its own reason, in words and as a code."""
    with pytest.raises(NoExpertFits) as caught:
        decided(local(context=50), cloud(), constraints=Constraints(offline=True))
    assert caught.value.excluded == {"local": "context_length", "cloud": "offline"}
    assert str(caught.value) == (
        "no expert may answer: local (the query does not fit its context), "
        "cloud (this device is offline)"
    )


def test_all_estimates_are_in_the_decision() -> None:
    """Those of experts that were ruled out too."""
    found = decided(local(), cloud(configured=False))
    assert list(found.estimates) == ["local", "cloud"]
    assert found.estimates["cloud"].quality == 0.9


@given(QUALITY, CLOUDS, PRICE, LIMITS)
def test_who_is_ruled_out_never_answers(
    quality: float, clouds: list[Candidate], price: float, limits: Constraints
) -> None:
    """Not at first and not as a fallback; all others are asked, each once."""
    with suppress(NoExpertFits):
        found = decided(local(quality=quality), *clouds, price=price, constraints=limits)
        assert sorted([*found.order, *found.excluded]) == sorted(found.estimates)


@given(QUALITY, CLOUDS, PRICE, LIMITS)
def test_only_on_device_never_leaves_the_device(
    quality: float, clouds: list[Candidate], price: float, limits: Constraints
) -> None:
    """Whatever the estimates and the other limits, nobody but the local expert is asked."""
    limits = replace(limits, placement=Placement.ONLY_ON_DEVICE)
    found = decided(*clouds, local(quality=quality), price=price, constraints=limits)
    assert found.order == ("local",)
    assert found.location is Location.DEVICE


@given(QUALITY, CLOUDS, PRICE)
def test_offline_never_leaves_the_device(
    quality: float, clouds: list[Candidate], price: float
) -> None:
    """Nor without a connection, even if the cloud is preferred."""
    limits = Constraints(Placement.PREFER_IN_CLOUD, offline=True)
    found = decided(*clouds, local(quality=quality), price=price, constraints=limits)
    assert found.order == ("local",)


def test_the_stricter_of_two_constraints_wins_limit_by_limit() -> None:
    """Whichever side it is on; an absent limit is no limit."""
    settings = Constraints(placement=Placement.ONLY_ON_DEVICE, max_cost_usd=0.5, offline=True)
    call = Constraints(placement=Placement.PREFER_IN_CLOUD, max_cost_usd=0.0, max_latency_s=3.0)
    expected = Constraints(
        placement=Placement.ONLY_ON_DEVICE, offline=True, max_cost_usd=0.0, max_latency_s=3.0
    )
    assert settings.tightened(call) == call.tightened(settings) == expected
