"""The prices at which a decision turns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_candidates import CLOUDS, QUALITY, cloud, decided, local

from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.experts.panel import Candidate
from edge_router.routing.explaining.turning import Turn, turns, turns_words
from edge_router.settings.constraints import Constraints, Placement

THREE = local(quality=0.5), cloud("mini", 0.7, cost=0.5), cloud("big", 0.8, cost=1.0)


def turned(
    *candidates: Candidate, floor: float = 0.0, limits: Constraints | None = None
) -> tuple[Turn, ...]:
    """At the price 0.2."""
    point = OperatingPoint("", "", 0.2, floor)
    decision = decided(*candidates, price=point, constraints=limits)
    return turns(decision, PriceRule(point))


def test_the_prices_are_the_slopes_of_the_hull() -> None:
    """From the dearest expert to the cheapest."""
    found = turned(*THREE)
    assert [turn.expert for turn in found] == ["big", "mini", "local"]
    assert [turn.up_to for turn in found] == [pytest.approx(0.2), pytest.approx(0.4), None]
    assert [turn.above for turn in found] == [None, pytest.approx(0.2), pytest.approx(0.4)]
    assert turns_words(found) == "big up to 0.20, mini up to 0.40, local above"


def test_one_below_the_hull_is_chosen_at_no_price() -> None:
    """Nor one that is as dear as a better one."""
    found = turned(local(quality=0.5), cloud("mini", 0.6, cost=0.5), cloud("big", 0.9, cost=1.0))
    assert [turn.expert for turn in found] == ["big", "local"]
    found = turned(*THREE, cloud("worse", 0.75, cost=1.0))
    assert [turn.expert for turn in found] == ["big", "mini", "local"]


def test_only_those_count_that_may_answer() -> None:
    """And that reach the least quality, where anybody does."""
    assert [t.expert for t in turned(*THREE, floor=0.6)] == ["big", "mini"]
    assert [t.expert for t in turned(*THREE, floor=0.9)] == ["big", "mini", "local"]
    found = turned(*THREE, limits=Constraints(Placement.ONLY_ON_DEVICE))
    assert turns_words(found) == "local at any price"
    wish = Constraints(Placement.PREFER_IN_CLOUD)
    assert [t.expert for t in turned(*THREE, limits=wish)] == ["big", "mini"]


def test_one_that_only_an_infinite_price_would_choose_is_chosen_at_none() -> None:
    """Of two experts that are almost equally dear the better one is chosen."""
    free, big = local("free", 0.5), cloud(quality=1.0, cost=1.0)
    found = turned(free, local("dear", 0.9, cost=1e-310), big)
    assert turns_words(found) == "cloud up to 0.10, dear above"
    here = Constraints(Placement.ONLY_ON_DEVICE)
    found = turned(free, local("dear", 0.1, cost=1e-310), big, limits=here)
    assert turns_words(found) == "free at any price"


def test_prices_that_no_setting_states_are_left_out_of_the_words() -> None:
    """Nobody can set one beyond -1..1; small ones are told from nothing."""
    found = turned(local(quality=0.1), cloud("mini", 0.5, cost=0.1), cloud("big", 0.504, cost=1.0))
    assert [turn.expert for turn in found] == ["big", "mini", "local"]
    assert turns_words(found) == "big up to 0.0044, mini above"
    found = turned(cloud("worse", 0.2, cost=0.5), cloud("better", 0.9, cost=0.4))
    assert [turn.expert for turn in found] == ["worse", "better"]
    assert turns_words(found) == "better at any price"


@given(QUALITY, CLOUDS, st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_at_every_price_it_is_the_expert_of_that_span(
    quality: float, clouds: list[Candidate], prices: list[float]
) -> None:
    """But for the rounding at the ends, and of qualities that a price added to makes equal."""
    everyone = [local(quality=quality), *clouds]
    qualities = sorted({one.estimate.quality for one in everyone})
    assume(all(b - a > 1e-12 for a, b in pairwise(qualities)))
    found = turned(*everyone)
    for price in prices:
        ends = [end for turn in found for end in (turn.above, turn.up_to) if end is not None]
        if any(np.isclose(price, end, rtol=0, atol=1e-9) for end in ends):
            continue
        (span,) = [
            turn
            for turn in found
            if (turn.above is None or turn.above < price)
            and (turn.up_to is None or price <= turn.up_to)
        ]
        assert decided(*everyone, price=price).expert == span.expert
