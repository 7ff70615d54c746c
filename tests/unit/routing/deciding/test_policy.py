"""decide(): hard limits first, then the gain that a dearer expert must bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.device.latency import Speed
from edge_router.errors import NoExpertFits
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.reason import PREFERRED, RULED_OUT, Reason
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.experts.panel import Candidate
from edge_router.settings.constraints import Constraints, Placement

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
SPEED = Speed(0.0, 1.0, 1.0)
QUALITY = st.floats(0, 1)
GAIN = st.floats(-1, 1)


def _local(
    name: str = "local",
    quality: float = 0.5,
    *,
    location: Location = Location.DEVICE,
    cost: float | None = 0.0,
    latency: float = 1.0,
    context: int | None = None,
    configured: bool = True,
) -> Candidate:
    expert = Expert(name, name, location, HEAD, SPEED, None, context)
    return Candidate(expert, Estimate(name, quality, cost, latency, 10.0), configured)


def _cloud(
    name: str = "cloud",
    quality: float = 0.9,
    *,
    cost: float | None = 0.01,
    latency: float = 2.0,
    context: int | None = None,
    configured: bool = True,
) -> Candidate:
    return _local(
        name,
        quality,
        location=Location.CLOUD,
        cost=cost,
        latency=latency,
        context=context,
        configured=configured,
    )


def _decide(
    *candidates: Candidate,
    gain: float | OperatingPoint = 0.2,
    tokens: int = 100,
    constraints: Constraints | None = None,
    doubts: Mapping[str, Reason] | None = None,
) -> Decision:
    point = gain if isinstance(gain, OperatingPoint) else OperatingPoint.of_gain(gain)
    return decide(
        candidates,
        constraints=constraints or Constraints(),
        rule=GainRule(point),
        input_tokens=tokens,
        doubts=doubts or {},
    )


CLOUDS = st.lists(
    st.builds(
        _cloud,
        st.sampled_from(["gpt", "claude", "llama"]),
        QUALITY,
        cost=st.none() | st.floats(0, 1),
        latency=st.floats(0, 100),
    ),
    max_size=3,
    unique_by=lambda candidate: candidate.expert.name,
)
LIMITS = st.builds(
    Constraints,
    placement=st.sampled_from(Placement),
    offline=st.booleans(),
    max_cost_usd=st.none() | st.floats(0, 1),
    max_latency_s=st.none() | st.floats(1, 100),
    budget_left_usd=st.none() | st.floats(0, 1),
)


def test_the_cheapest_answers_where_it_is_good_enough() -> None:
    """A gain below the operating point's stays on the device; the numbers are told."""
    found = _decide(_local(quality=0.8), _cloud(quality=0.9))
    assert (found.expert, found.wanted, found.location) == ("local", "local", Location.DEVICE)
    assert found.reason is Reason.CHEAPEST_IS_ENOUGH
    assert found.gain == pytest.approx(0.1)
    assert found.min_gain == 0.2
    assert found.words == "good enough: asking a dearer expert gains +10% (< +20%)"


def test_a_gain_below_nothing_is_told_as_nothing() -> None:
    """A percentage below zero would read like a threshold."""
    found = _decide(_local(quality=0.8), _cloud(quality=0.75))
    assert found.gain == pytest.approx(-0.05)
    assert found.words == "good enough: asking a dearer expert gains nothing (< +20%)"


def test_a_gain_that_is_worth_it_goes_to_the_dearer_one() -> None:
    """The dearer expert answers, the cheaper one is its fallback."""
    found = _decide(_local(quality=0.4), _cloud(quality=0.9))
    assert (found.expert, found.fallbacks, found.location) == ("cloud", ("local",), Location.CLOUD)
    assert found.order == ("cloud", "local")
    assert found.reason is Reason.GAIN_IS_WORTH_IT
    assert found.words == "expected gain +50%, worth it from +20%"


def test_preferred_in_cloud() -> None:
    """A wish for the cloud is granted whatever the gain; the best of the cloud answers."""
    found = _decide(
        _local(quality=1.0),
        _cloud("gpt", 0.3),
        _cloud("claude", 0.4),
        constraints=Constraints(Placement.PREFER_IN_CLOUD),
    )
    assert (found.expert, found.fallbacks) == ("claude", ("local", "gpt"))
    assert found.reason is Reason.PREFERRED_IN_CLOUD
    assert found.words == "the cloud is preferred"


def test_preferred_in_cloud_looks_at_configured_experts_first() -> None:
    """A better expert that is not there to ask is not the one that was wanted."""
    found = _decide(
        _local(),
        _cloud("gpt", 0.6),
        _cloud("frontier", 0.9, configured=False),
        constraints=Constraints(Placement.PREFER_IN_CLOUD),
    )
    assert (found.expert, found.wanted, found.reason) == ("gpt", "gpt", Reason.PREFERRED_IN_CLOUD)


def test_preferred_in_cloud_is_a_wish() -> None:
    """Where no cloud expert may answer, the device does, and the reason is why."""
    found = _decide(
        _local(), _cloud(), constraints=Constraints(Placement.PREFER_IN_CLOUD, offline=True)
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
    found = _decide(_local(), _cloud(**settings), constraints=constraints)  # type: ignore[arg-type]
    assert (found.expert, found.wanted, found.fallbacks) == ("local", "cloud", ())
    assert found.reason is reason
    assert found.excluded == {"cloud": reason}
    assert found.words == f"cloud was wanted, but {RULED_OUT[reason]}"


def test_only_in_cloud_rules_out_the_device() -> None:
    """The same the other way round: a local expert that was good enough may not answer."""
    found = _decide(_local(quality=0.9), _cloud(), constraints=Constraints(Placement.ONLY_IN_CLOUD))
    assert (found.expert, found.wanted, found.reason) == ("cloud", "local", Reason.ONLY_IN_CLOUD)
    assert found.excluded == {"local": Reason.ONLY_IN_CLOUD}
    assert found.words == "local was wanted, but only the cloud may answer"


def test_every_reason_has_its_test() -> None:
    """The tests above cover each code, and each that rules out has its words."""
    ruling = {*RULES, *DOUBTS, Reason.ONLY_IN_CLOUD}
    chosen = {Reason.CHEAPEST_IS_ENOUGH, Reason.GAIN_IS_WORTH_IT, Reason.PREFERRED_IN_CLOUD}
    elsewhere = {*PREFERRED, Reason.EXPLORATION}  # test_topsis.py, test_exploration.py
    assert ruling | chosen | elsewhere == set(Reason)
    assert set(RULED_OUT) == ruling


@pytest.mark.parametrize("reason", DOUBTS)
def test_a_doubt_rules_out_while_somebody_else_may_answer(reason: Reason) -> None:
    """The state of the device is a reason to ask somebody else, not to give no answer."""
    doubts = {"cloud": reason, "stranger": reason}
    found = _decide(_local(), _cloud(), doubts=doubts)
    assert (found.expert, found.wanted, found.reason) == ("local", "cloud", reason)
    assert found.words == f"cloud was wanted, but {RULED_OUT[reason]}"
    assert _decide(_cloud(), doubts=doubts).expert == "cloud"
    limits = Constraints(Placement.ONLY_IN_CLOUD)
    assert _decide(_local(), _cloud(), doubts=doubts, constraints=limits).expert == "cloud"


def test_where_everybody_is_in_doubt_all_are_asked() -> None:
    """As if nothing were known of the device."""
    doubts = {"local": Reason.MEMORY, "cloud": Reason.UNREACHABLE}
    assert _decide(_local(), _cloud(), doubts=doubts).order == ("cloud", "local")


def test_a_limit_is_told_before_a_doubt() -> None:
    """Of two reasons the one that cannot pass away by itself."""
    found = _decide(
        _local(),
        _cloud(context=50),
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
    assert _decide(_local(), _cloud(), constraints=constraints).expert == "cloud"


def test_a_gain_that_meets_the_threshold_exactly_is_worth_it() -> None:
    """The comparison is >=."""
    assert _decide(_local(quality=0.5), _cloud(quality=0.75), gain=0.25).expert == "cloud"
    assert _decide(_local(quality=0.5), _cloud(quality=0.75), gain=0.2501).expert == "local"


def test_a_threshold_of_zero_is_a_threshold() -> None:
    """At zero an equal expert in the cloud is asked, a worse one is not."""
    assert _decide(_local(quality=0.5), _cloud(quality=0.5), gain=0.0).expert == "cloud"
    assert _decide(_local(quality=0.5), _cloud(quality=0.4999), gain=0.0).expert == "local"


@pytest.mark.parametrize(("context", "fits"), [(100, False), (101, True), (None, True)])
def test_a_context_needs_room_for_an_answer(context: int | None, fits: bool) -> None:
    """A query that fills the context leaves none; an unknown context is not checked."""
    found = _decide(_local(), _cloud(context=context), tokens=100)
    assert (found.expert == "cloud") is fits


def test_a_free_local_expert_passes_limits_of_zero() -> None:
    """Nothing to spend still allows what costs nothing."""
    limits = Constraints(max_cost_usd=0.0, budget_left_usd=0.0)
    found = _decide(_local(), _cloud(), constraints=limits)
    assert (found.expert, found.reason) == ("local", Reason.MAX_COST)


def test_an_unknown_price_passes_where_cost_has_no_limit() -> None:
    """It may answer, after all whose price is known."""
    assert _decide(_local(), _cloud(cost=None)).expert == "cloud"
    found = _decide(_local(), _cloud("dear", cost=5.0), _cloud("unknown", cost=None))
    assert found.expert == "dear"


def test_no_expert_fits_tells_why_each_was_out() -> None:
    """Every expert is named with its own reason, in words and as a code."""
    with pytest.raises(NoExpertFits) as caught:
        _decide(_local(context=50), _cloud(), constraints=Constraints(offline=True))
    assert caught.value.excluded == {"local": "context_length", "cloud": "offline"}
    assert str(caught.value) == (
        "no expert may answer: local (the query does not fit its context), "
        "cloud (this device is offline)"
    )


def test_the_only_expert_says_so() -> None:
    """There was nothing to choose."""
    assert _decide(_local()).words == "the only expert there is"


def test_among_several_the_walk_goes_from_cheap_to_dear() -> None:
    """The middle one is worth it over the local one, the dearest not over the middle one."""
    clouds = _cloud("dear", 0.85, cost=1.0), _cloud("middle", 0.8, cost=0.1)
    found = _decide(*clouds, _local(quality=0.5))
    assert (found.expert, found.fallbacks) == ("middle", ("dear", "local"))


def test_a_pair_of_profiles_has_its_own_threshold() -> None:
    """The operating point's gain for this pair counts, not its default."""
    point = OperatingPoint("balanced", "", 0.0, {"local>cloud": 0.5})
    found = _decide(_local(quality=0.5), _cloud(quality=0.9), gain=point)
    assert (found.expert, found.min_gain, found.operating_point) == ("local", 0.5, "balanced")


def test_all_estimates_are_in_the_decision() -> None:
    """Those of experts that were ruled out too."""
    found = _decide(_local(), _cloud(configured=False))
    assert list(found.estimates) == ["local", "cloud"]
    assert found.estimates["cloud"].quality == 0.9


@given(QUALITY, QUALITY, GAIN)
def test_with_two_experts_it_is_the_threshold_rule(weak: float, strong: float, gain: float) -> None:
    """One local and one cloud expert: the cloud if and only if the gain is the threshold's."""
    found = _decide(_local(quality=weak), _cloud(quality=strong), gain=gain)
    assert (found.expert == "cloud") is (strong - weak >= gain)
    assert (found.reason is Reason.GAIN_IS_WORTH_IT) is (found.expert == "cloud")
    assert (found.gain, found.min_gain) == (strong - weak, gain)


@given(QUALITY, CLOUDS, GAIN, LIMITS)
def test_who_is_ruled_out_never_answers(
    quality: float, clouds: list[Candidate], gain: float, limits: Constraints
) -> None:
    """Not at first and not as a fallback; all others are asked, each once."""
    with suppress(NoExpertFits):
        found = _decide(_local(quality=quality), *clouds, gain=gain, constraints=limits)
        assert sorted([*found.order, *found.excluded]) == sorted(found.estimates)


@given(QUALITY, CLOUDS, GAIN, LIMITS)
def test_only_on_device_never_leaves_the_device(
    quality: float, clouds: list[Candidate], gain: float, limits: Constraints
) -> None:
    """Whatever the estimates and the other limits, nobody but the local expert is asked."""
    limits = replace(limits, placement=Placement.ONLY_ON_DEVICE)
    found = _decide(*clouds, _local(quality=quality), gain=gain, constraints=limits)
    assert found.order == ("local",)
    assert found.location is Location.DEVICE


@given(QUALITY, CLOUDS, GAIN)
def test_offline_never_leaves_the_device(
    quality: float, clouds: list[Candidate], gain: float
) -> None:
    """Nor without a connection, even if the cloud is preferred."""
    limits = Constraints(Placement.PREFER_IN_CLOUD, offline=True)
    found = _decide(*clouds, _local(quality=quality), gain=gain, constraints=limits)
    assert found.order == ("local",)


@pytest.mark.parametrize(
    "useless",
    [
        _cloud("new", 1.0, configured=False),
        _cloud("new", 1.0, context=100),
        _cloud("new", 1.0, cost=None),
        _cloud("new", 1.0, cost=50.0),
        _cloud("new", 1.0, latency=1e4),
    ],
    ids=["not configured", "context", "price unknown", "cost", "latency"],
)
@pytest.mark.parametrize("placement", [Placement.PREFER_ON_DEVICE, Placement.PREFER_IN_CLOUD])
@given(quality=QUALITY, clouds=CLOUDS, gain=GAIN)
def test_an_expert_nobody_may_use_never_changes_who_answers(
    quality: float, clouds: list[Candidate], gain: float, placement: Placement, useless: Candidate
) -> None:
    """It may be wanted, but the others stand as if it were not there."""
    limits = Constraints(placement, max_cost_usd=10.0, max_latency_s=1e3)
    everyone = [_local(quality=quality), *clouds]
    without = _decide(*everyone, gain=gain, constraints=limits)
    assert _decide(*everyone, useless, gain=gain, constraints=limits).order == without.order


@given(QUALITY, QUALITY, CLOUDS, GAIN, st.dictionaries(st.sampled_from(["gpt", "claude"]), GAIN))
def test_a_better_local_expert_never_sends_a_query_away(
    quality: float, better: float, clouds: list[Candidate], gain: float, pairs: dict[str, float]
) -> None:
    """Raising the local quality never moves a query from the device to the cloud."""
    point = OperatingPoint("", "", gain, {f"local>{name}": g for name, g in pairs.items()})
    low, high = sorted([quality, better])
    before = _decide(_local(quality=low), *clouds, gain=point)
    after = _decide(_local(quality=high), *clouds, gain=point)
    assert before.location is Location.CLOUD or after.location is Location.DEVICE


def test_a_better_local_expert_never_sends_a_query_away_from_another() -> None:
    """With two local experts neither: the better of them is still there to compare with."""
    others = _local("3b", 0.4), _cloud(quality=0.49)
    assert _decide(_local("1b", 0.3), *others, gain=0.1).expert == "3b"
    assert _decide(_local("1b", 0.35), *others, gain=0.1).location is Location.DEVICE


def _walk_without_its_first_step() -> Decision:
    """Over 1b the cloud would be worth it; 1b is ruled out, and over 3b it is not."""
    return _decide(_local("1b", 0.1, context=50), _local("3b", 0.2), _cloud(quality=0.5), gain=0.35)


def _walk_without_its_second_step() -> Decision:
    """Over mini the big one would be worth it; mini is ruled out, and over local it is not."""
    point = OperatingPoint("", "", 0.1, {"local>big": 0.9})
    return _decide(
        _local(quality=0.5),
        _cloud("mini", 0.7, context=50),
        _cloud("big", 0.9, cost=1.0),
        gain=point,
    )


@pytest.mark.parametrize(
    ("walk", "expert"),
    [(_walk_without_its_first_step, "3b"), (_walk_without_its_second_step, "local")],
    ids=["first step", "second step"],
)
def test_a_ruled_out_step_of_the_walk_has_words(walk: Callable[[], Decision], expert: str) -> None:
    """Another expert than the wanted one may answer without the wanted one being ruled out."""
    assert walk().expert == expert
    assert walk().words


def test_the_gain_that_is_told_is_the_one_that_decided() -> None:
    """Of several cheaper experts the closest comparison is told, and it holds."""
    point = OperatingPoint("", "", 0.1, {"local>big": 0.35})
    found = _decide(
        _local(quality=0.5), _cloud("mini", 0.7), _cloud("big", 0.9, cost=1.0), gain=point
    )
    assert (found.expert, found.reason) == ("big", Reason.GAIN_IS_WORTH_IT)
    assert (found.gain, found.min_gain) == pytest.approx((0.4, 0.35))


def test_the_stricter_of_two_constraints_wins_limit_by_limit() -> None:
    """Whichever side it is on; an absent limit is no limit."""
    settings = Constraints(placement=Placement.ONLY_ON_DEVICE, max_cost_usd=0.5, offline=True)
    call = Constraints(placement=Placement.PREFER_IN_CLOUD, max_cost_usd=0.0, max_latency_s=3.0)
    expected = Constraints(
        placement=Placement.ONLY_ON_DEVICE, offline=True, max_cost_usd=0.0, max_latency_s=3.0
    )
    assert settings.tightened(call) == call.tightened(settings) == expected
