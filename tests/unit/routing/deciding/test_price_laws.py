"""The laws of the price rule, on whatever experts there are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_candidates import CLOUDS, PRICE, QUALITY, cloud, decided, local

from edge_router.errors import NoExpertFits
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.price import LEAVING, chosen, expenses
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Location
from edge_router.routing.experts.panel import Candidate, Candidates
from edge_router.settings.constraints import Constraints, Placement

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9
COSTS = st.none() | st.just(0.0) | st.floats(1e-6, 10)
FLOOR = st.sampled_from([0.0, 0.25, 0.5])
NAMES = [f"e{number}" for number in range(7)]


@st.composite
def everyone(draw: st.DrawFn) -> list[Candidate]:
    """One to seven experts here and in the cloud, free, dear, and of unknown price."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7, unique=True))
    made = []
    for name in names:
        of = draw(st.sampled_from([local, cloud]))
        seconds = draw(st.floats(0, 100))
        made.append(of(name, draw(QUALITY), cost=draw(COSTS), latency=seconds))
    return made


def by_price(candidates: list[Candidate], price: float, floor: float = 0.0) -> Decision:
    """At a price, with a least quality."""
    return decided(*candidates, price=OperatingPoint("", "", price, floor))


def expense_of(candidates: list[Candidate]) -> dict[str, float]:
    """By name."""
    found = PriceRule.of_price(0.0).expenses(Candidates.of(candidates))
    return {c.expert.name: float(e) for c, e in zip(candidates, found, strict=True)}


@given(QUALITY, QUALITY, PRICE, st.floats(1e-300, 1e300))
def test_with_two_experts_it_is_the_threshold_rule(
    weak: float, strong: float, price: float, dollars: float
) -> None:
    """One free expert here and one in the cloud: the cloud if and only if the gain reaches the
    price, to the last bit."""
    pair = [local(quality=weak), cloud(quality=strong, cost=dollars)]
    found = by_price(pair, price)
    assert (found.expert == "cloud") is (strong - weak >= price)
    assert (found.reason is Reason.GAIN_IS_WORTH_IT) is (found.expert == "cloud")
    assert (found.gain, found.min_gain) == (strong - weak, price)


@given(st.lists(st.tuples(QUALITY, QUALITY), min_size=1, max_size=20), PRICE, st.floats(0.1, 1))
def test_in_columns_two_experts_are_the_threshold_rule(
    pairs: list[tuple[float, float]], price: float, expense: float
) -> None:
    """Against a free expert, one at any expense is asked where `gain >= price * expense`."""
    quality = np.array(pairs)
    gain = quality[:, 1] - quality[:, 0]
    found = chosen(quality, np.array([0.0, expense]), price)
    assert found.tolist() == (gain >= price * expense).astype(int).tolist()


@given(everyone(), PRICE, FLOOR)
def test_one_query_and_many_are_decided_alike(
    candidates: list[Candidate], price: float, floor: float
) -> None:
    """The decision is the one that `chosen` makes, up to the order of equals."""
    columns = Candidates.of(candidates)
    expense = PriceRule.of_price(price).expenses(columns)
    first = columns.cheapest_first
    (place,) = chosen(columns.quality[first][None], expense[first], price, least_quality=floor)
    assert columns.names[first[place]] == by_price(candidates, price, floor).expert


@given(everyone(), PRICE, PRICE, FLOOR)
def test_a_higher_price_never_chooses_a_dearer_expert(
    candidates: list[Candidate], one: float, other: float, floor: float
) -> None:
    """Whatever the least quality."""
    low, high = sorted([one, other])
    assume(high - low > ROUNDING)
    expense = expense_of(candidates)
    gaps = {abs(a - b) for a in expense.values() for b in expense.values()} - {0.0}
    assume(not gaps or min(gaps) * (high - low) > 1e-12)  # less than that is rounding
    before, after = (by_price(candidates, price, floor).expert for price in (low, high))
    assert expense[after] <= expense[before]


@given(everyone(), PRICE, FLOOR, st.data())
def test_ruling_out_an_expert_that_was_not_chosen_changes_nothing(
    candidates: list[Candidate], price: float, floor: float, data: st.DataObject
) -> None:
    """Neither who answers nor the order of those that may step in."""
    point = OperatingPoint("", "", price, floor)
    before = decided(*candidates, price=point)
    out = data.draw(st.sets(st.sampled_from([*before.fallbacks, "nobody"])))
    after = decided(*candidates, price=point, doubts=dict.fromkeys(out, Reason.UNREACHABLE))
    assert after.order == tuple(name for name in before.order if name not in out)
    assert (after.wanted, after.gain, after.min_gain) == (
        before.wanted,
        before.gain,
        before.min_gain,
    )


@given(everyone(), PRICE, FLOOR)
def test_the_next_in_order_is_the_choice_without_those_before_it(
    candidates: list[Candidate], price: float, floor: float
) -> None:
    """So a fallback is the rule's own second choice."""
    point = OperatingPoint("", "", price, floor)
    order = decided(*candidates, price=point).order
    for number in range(1, len(order)):
        doubts = dict.fromkeys(order[:number], Reason.UNREACHABLE)
        assert decided(*candidates, price=point, doubts=doubts).expert == order[number]


@given(everyone(), PRICE, FLOOR, st.randoms(use_true_random=False))
def test_the_order_of_experts_does_not_matter(
    candidates: list[Candidate], price: float, floor: float, random: object
) -> None:
    """They may be named in any."""
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert by_price(shuffled, price, floor).order == by_price(candidates, price, floor).order


@given(everyone(), PRICE, st.sampled_from([2.0**-20, 0.25, 2.0, 1024.0]))
def test_units_do_not_matter(candidates: list[Candidate], price: float, scale: float) -> None:
    """Dollars or any other money; by powers of two, so that nothing is rounded."""
    rescaled = [
        c
        if c.estimate.cost_usd is None
        else replace(c, estimate=replace(c.estimate, cost_usd=c.estimate.cost_usd * scale))
        for c in candidates
    ]
    assert expense_of(rescaled) == expense_of(candidates)
    assert by_price(rescaled, price).order == by_price(candidates, price).order


@given(everyone(), st.floats(0, 1), FLOOR)
def test_every_choice_lies_on_the_convex_hull(
    candidates: list[Candidate], price: float, floor: float
) -> None:
    """No coin between two others reaches a higher quality at the same expense or a lower one; of
    those that reach the least quality, where anybody does."""
    reaching = [c for c in candidates if c.estimate.quality >= floor] or candidates
    expense = expense_of(candidates)
    taken = by_price(candidates, price, floor)
    corner = expense[taken.expert], taken.estimates[taken.expert].quality
    points = [(expense[c.expert.name], c.estimate.quality) for c in reaching]
    for a, quality_a in points:
        for b, quality_b in points:
            if a <= corner[0] <= b:
                share = (corner[0] - a) / (b - a) if b > a else 0.0
                assert quality_a + share * (quality_b - quality_a) <= corner[1] + ROUNDING
        if a <= corner[0]:
            assert quality_a <= corner[1] + ROUNDING


@given(everyone(), PRICE)
def test_an_unknown_price_is_as_dear_as_the_dearest(
    candidates: list[Candidate], price: float
) -> None:
    """Stating the dearest one's dollars for it changes no expense and no choice but of equals."""
    known = [c.estimate.cost_usd for c in candidates if c.estimate.cost_usd is not None]
    assume(known and max(known) > 0)
    stated = [
        replace(c, estimate=replace(c.estimate, cost_usd=max(known)))
        if c.estimate.cost_usd is None
        else c
        for c in candidates
    ]
    assert expense_of(stated) == expense_of(candidates)
    before, after = by_price(candidates, price), by_price(stated, price)
    assert expense_of(stated)[before.expert] == expense_of(stated)[after.expert]
    taken, stated_taken = before.estimates[before.expert], after.estimates[after.expert]
    assert abs(taken.quality - stated_taken.quality) <= ROUNDING


@given(everyone(), PRICE)
def test_where_nothing_costs_anything_leaving_the_device_does(
    candidates: list[Candidate], price: float
) -> None:
    """0 here, the floor in the cloud; the best of each is all that counts."""
    free = [replace(c, estimate=replace(c.estimate, cost_usd=0.0)) for c in candidates]
    away = {c.expert.name: c.expert.location is Location.CLOUD for c in free}
    assert expense_of(free) == {name: LEAVING * there for name, there in away.items()}
    found = by_price(free, price)
    here = [c.estimate.quality for c in free if away[c.expert.name] == away[found.expert]]
    assert found.estimates[found.expert].quality == max(here)


@given(st.lists(st.tuples(COSTS, st.floats(0, 100), st.booleans()), min_size=1), st.floats(0, 1))
def test_expenses_lie_between_nothing_and_the_dearest(
    experts: list[tuple[float | None, float, bool]], worth: float
) -> None:
    """0..1, at least the floor away from the device, and a dearer sum is never a lower expense."""
    costs = np.array([np.nan if cost is None else cost for cost, _, _ in experts])
    seconds = np.array([latency for _, latency, _ in experts])
    leaves = np.array([away for _, _, away in experts])
    found = expenses(costs, seconds, leaves, worth)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[leaves] >= LEAVING).all()
    sums = np.where(np.isnan(costs), np.inf, costs + worth * seconds)
    order = np.argsort(sums[leaves])
    assert (np.diff(found[leaves][order]) >= 0).all()


@given(QUALITY, QUALITY, CLOUDS, PRICE)
def test_a_better_local_expert_never_sends_a_query_away(
    quality: float, better: float, clouds: list[Candidate], price: float
) -> None:
    """Raising the local quality never moves a query from the device to the cloud."""
    low, high = sorted([quality, better])
    before = decided(local(quality=low), *clouds, price=price)
    after = decided(local(quality=high), *clouds, price=price)
    assert before.location is Location.CLOUD or after.location is Location.DEVICE


@pytest.mark.parametrize(
    "useless",
    [
        cloud("new", 1.0, configured=False),
        cloud("new", 1.0, context=100),
        cloud("new", 1.0, cost=None),
        cloud("new", 1.0, cost=50.0),
        cloud("new", 1.0, latency=1e4),
    ],
    ids=["not configured", "context", "price unknown", "cost", "latency"],
)
@pytest.mark.parametrize("placement", [Placement.PREFER_ON_DEVICE, Placement.PREFER_IN_CLOUD])
@given(quality=QUALITY, clouds=CLOUDS, price=PRICE)
def test_an_expert_that_is_ruled_out_leaves_the_order_of_the_others(
    quality: float, clouds: list[Candidate], price: float, placement: Placement, useless: Candidate
) -> None:
    """Whatever rules it out: they stand in the order that they have without any limit."""
    with suppress(NoExpertFits):
        limits = Constraints(placement, max_cost_usd=10.0, max_latency_s=1e3)
        candidates = [local(quality=quality), *clouds, useless]
        found = decided(*candidates, price=price, constraints=limits)
        rule = PriceRule.of_price(price)
        columns = Candidates.of(candidates)
        ranked = rule.weigh(columns).order(np.arange(len(columns))).tolist()
        left = [columns.names[at] for at in ranked if columns.names[at] not in found.excluded]
        assert [name for name in left if name != found.expert] == list(found.fallbacks)
        assert placement is Placement.PREFER_IN_CLOUD or left[0] == found.expert
