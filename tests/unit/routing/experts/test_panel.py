"""Experts estimated all at once, against the formulas of one expert."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.device.latency import ExpertState, Pace, Speed
from edge_router.errors import ConfigError
from edge_router.guards.checks import MOST
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.expert import Expert, ExpertHead, Location, Pricing
from edge_router.routing.experts.panel import Panel

DIM = 5
sizes = st.floats(0.01, 1000.0)
numbers = st.floats(-3.0, 3.0)
vectors = st.lists(st.floats(-3.0, 3.0, width=32), min_size=DIM, max_size=DIM).map(
    lambda values: np.array(values, dtype=np.float32)
)
heads = st.builds(ExpertHead, numbers, vectors, numbers, st.floats(0.5, 2.0))
speeds = st.builds(Speed, sizes, sizes, sizes, sizes, st.floats(0, 1e-3), st.floats(0, 1e-3))
paces = st.builds(Pace, numbers, numbers, st.none() | sizes)
states = st.builds(ExpertState, paces, numbers, st.floats(0, 200), st.booleans(), st.floats(1, 4))
queries = st.builds(Representation, vectors, st.floats(0.0, 8.0))


@st.composite
def panels(draw: st.DrawFn) -> list[Expert]:
    """Up to six experts, some with unknown prices and contexts."""
    experts = st.builds(
        Expert,
        st.just(""),
        st.sampled_from(["1b", "8b"]),
        st.sampled_from(Location),
        heads,
        speeds,
        st.none() | st.builds(Pricing, sizes, sizes),
        st.none() | st.integers(1, 4096),
        st.floats(0, 5),
    )
    found = draw(st.lists(experts, min_size=1, max_size=6))
    return [replace(expert, name=f"expert-{number}") for number, expert in enumerate(found)]


@given(panels(), queries, st.integers(1, 5000), st.integers(1, 2000), st.lists(states, max_size=6))
def test_all_at_once_is_each_alone(
    experts: list[Expert],
    query: Representation,
    tokens: int,
    limit: int,
    known: list[ExpertState],
) -> None:
    """Quality, cost, latency and length are those that head, pace and price of each expert give."""
    now = {expert.name: state for expert, state in zip(experts, known, strict=False)}
    found = Panel.of(experts).estimate(query, input_tokens=tokens, max_tokens=limit, states=now)
    for expert in experts:
        state = now.get(expert.name, ExpertState())
        log_length = query.log_tokens + expert.head.log_tokens + state.log_length
        written = min(math.exp(max(0.0, min(10.0, log_length))), limit)
        work = state.work(expert.read_tokens(tokens), written)
        latency = state.pace.latency(expert.speed, work)
        cost = expert.cost(tokens, written, latency)
        (quality,) = expert.head.qualities(query.vector[None].astype(np.float64))
        one = found.estimates[expert.name]
        assert one.quality == pytest.approx(quality, abs=1e-5)
        assert (one.cost_usd is None) == (cost is None)
        assert (one.cost_usd or 0.0) == pytest.approx(cost or 0.0, rel=1e-12)
        assert one.latency_s == pytest.approx(latency, rel=1e-12)
        assert one.output_tokens == pytest.approx(written, rel=1e-12)


@given(panels(), queries)
def test_an_estimate_does_not_depend_on_who_else_is_there(
    experts: list[Expert], query: Representation
) -> None:
    """To the last digit."""
    nothing: Mapping[str, ExpertState] = {}
    everyone = Panel.of(experts).estimate(query, input_tokens=9, max_tokens=99, states=nothing)
    for expert in experts:
        alone = Panel.of([expert]).estimate(query, input_tokens=9, max_tokens=99, states=nothing)
        assert everyone.estimates[expert.name] == alone.estimates[expert.name]


@given(panels(), queries, st.integers(1, 5000))
def test_an_expert_as_stated_is_one_of_which_nothing_is_known(
    experts: list[Expert], query: Representation, tokens: int
) -> None:
    """To the last digit."""
    stated = {expert.name: ExpertState() for expert in experts}
    for_states: list[Mapping[str, ExpertState]] = [{}, stated]
    unknown, known = (
        Panel.of(experts).estimate(query, input_tokens=tokens, max_tokens=99, states=states)
        for states in for_states
    )
    assert unknown.estimates == known.estimates


LARGEST_AMOUNTS = st.sampled_from([0.0, 5e-324, 1.0, MOST])
SLOWEST = st.sampled_from([1e-9, 1.0, 1e300])


@given(
    st.builds(
        Speed,
        LARGEST_AMOUNTS,
        SLOWEST,
        SLOWEST,
        cold_s=LARGEST_AMOUNTS,
        input_growth_s=LARGEST_AMOUNTS,
        output_growth_s=LARGEST_AMOUNTS,
    ),
    st.builds(Pricing, LARGEST_AMOUNTS, LARGEST_AMOUNTS),
    LARGEST_AMOUNTS,
    st.builds(
        ExpertState,
        st.builds(Pace, st.sampled_from([-100.0, 0.0, 100.0]), st.sampled_from([-100.0, 100.0])),
        log_length=st.sampled_from([-1e308, 0.0, 1e308]),
        cached_tokens=st.sampled_from([0.0, 1e300]),
        cold=st.booleans(),
        slowdown=st.sampled_from([1e-9, 1.0, MOST]),
    ),
)
def test_whatever_speeds_and_prices_may_be_stated_an_estimate_is_a_number(
    speed: Speed, pricing: Pricing, usd_per_hour: float, state: ExpertState
) -> None:
    """A finite one, also where a second costs as much as may be stated."""
    head = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
    expert = Expert("a", "a", Location.DEVICE, head, speed, pricing, usd_per_hour=usd_per_hour)
    query = Representation(np.zeros(1, dtype=np.float32), 1.0)
    found = Panel.of([expert]).estimate(
        query, input_tokens=10**9, max_tokens=10**6, states={"a": state}
    )
    assert 0 <= (found.estimates["a"].cost_usd or 0.0) < math.inf
    assert found.estimates["a"].latency_s * MOST < math.inf


@pytest.mark.parametrize("beyond", [1e13, math.inf, math.nan, -1e-300])
def test_amounts_beyond_that_are_refused(beyond: float) -> None:
    """As prices, as an hour's cost and as seconds."""
    head = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
    for wrong in (
        lambda: Pricing(beyond, 0.0),
        lambda: Pricing(0.0, beyond),
        lambda: Speed(beyond, 1.0, 1.0),
        lambda: Speed(1.0, 1.0, 1.0, output_growth_s=beyond),
        lambda: ExpertState(slowdown=beyond),
        lambda: Expert("a", "a", Location.DEVICE, head, Speed(1, 1, 1), None, usd_per_hour=beyond),
    ):
        with pytest.raises(ConfigError, match="must be a number from "):
            wrong()


def test_those_behind_the_configured_ones_only_compare() -> None:
    """A reference is on the panel and cannot be asked."""
    head = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
    names = ("a", "b", "c")
    experts = [Expert(n, n, Location.CLOUD, head, Speed(1, 1, 1), None) for n in names]
    query = Representation(np.zeros(1, dtype=np.float32), 1.0)
    found = Panel.of(experts, configured=2).estimate(query, input_tokens=1, max_tokens=1, states={})
    assert [candidate.configured for candidate in found] == [True, True, False]
