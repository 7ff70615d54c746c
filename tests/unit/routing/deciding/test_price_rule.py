"""The rule of a price, by hand: expenses, who is chosen, and what is told of it."""

from __future__ import annotations

import numpy as np
import pytest
from made_candidates import cloud, decided, local

from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.price import LEAVING, chosen, expenses, turning_prices
from edge_router.routing.deciding.price_rule import CheapestRule, PriceRule
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Location
from edge_router.settings.constraints import Constraints, Placement

NAN = float("nan")


def dear(
    *costs: float, away: str, seconds: tuple[float, ...] = (), worth: float = 0.0
) -> list[float]:
    """Expenses of experts at these dollars; "-" is on the device, "+" away from it."""
    latency = np.array(seconds or [0.0] * len(costs))
    found = expenses(np.array(costs), latency, np.array([c == "+" for c in away]), worth)
    return [round(value, 9) for value in found.tolist()]


def test_an_expense_is_a_share_of_the_dearest() -> None:
    """Free on the device is 0, the dearest is 1."""
    assert dear(0.0, 0.004, 0.01, away="-++") == [0.0, 0.4, 1.0]


def test_leaving_the_device_is_never_free() -> None:
    """A nearly free cloud model counts as much as the floor, a free one too."""
    assert dear(0.0, 0.0001, 0.0, 0.01, away="-+++") == [0.0, LEAVING, LEAVING, 1.0]


def test_an_unknown_price_counts_as_the_dearest() -> None:
    """And it does not change what the others count as."""
    assert dear(0.0, 0.005, NAN, 0.01, away="-+++") == [0.0, 0.5, 1.0, 1.0]
    assert dear(NAN, NAN, away="++") == [1.0, 1.0]


def test_where_nothing_costs_anything_only_leaving_counts() -> None:
    """The device at 0."""
    assert dear(0.0, 0.0, 0.0, away="-+-") == [0.0, LEAVING, 0.0]
    assert dear(0.0, NAN, away="-+") == [0.0, 1.0]


def test_a_second_is_worth_what_the_user_says() -> None:
    """A slow free expert may then be the dearest; without it seconds do not count."""
    assert dear(0.0, 0.01, away="-+", seconds=(40.0, 1.0)) == [0.0, 1.0]
    found = dear(0.0, 0.01, away="-+", seconds=(40.0, 1.0), worth=0.001)
    assert found == [1.0, round(0.011 / 0.04, 9)]


def test_sums_beyond_every_float_are_the_dearest() -> None:
    """Nothing is warned of, and an unknown price counts as much."""
    found = dear(0.0, 1e308, NAN, 0.0, away="-++-", seconds=(1e300, 1.0, 1.0, 0.0), worth=1e308)
    assert found == [1.0, 1.0, 1.0, 0.0]


def test_many_queries_are_chosen_for_at_once() -> None:
    """One row a query, with expenses of its own or the same for all."""
    quality = np.array([[0.5, 0.6, 0.9], [0.5, 0.8, 0.9], [0.5, 0.5, 0.5]])
    expense = np.array([0.0, 0.4, 1.0])
    assert chosen(quality, expense, 0.2).tolist() == [2, 1, 0]
    assert chosen(quality, np.tile(expense, (3, 1)), 0.2).tolist() == [2, 1, 0]
    assert chosen(quality, expense, 1.0).tolist() == [0, 0, 0]
    assert chosen(quality, expense, 0.0).tolist() == [2, 2, 2]


def test_an_expert_that_is_not_there_is_not_chosen() -> None:
    """NaN stands for it, whatever the price and whatever is left."""
    quality = np.array([[NAN, 0.2, 0.9], [0.5, NAN, NAN], [0.1, 0.2, NAN]])
    for price, expected in ((0.0, [2, 0, 1]), (0.3, [2, 0, 0]), (-1.0, [2, 0, 1])):
        assert chosen(quality, np.array([0.0, 0.4, 1.0]), price).tolist() == expected
    assert chosen(quality, np.array([0.0, 0.4, 1.0]), 0.0, least_quality=0.95).tolist() == [2, 0, 1]


def test_who_is_below_the_least_quality_is_not_chosen_beside_one_that_reaches_it() -> None:
    """Where nobody reaches it the score decides."""
    quality = np.array([[0.2, 0.25, 0.3], [0.2, 0.24, 0.24], [0.25, 0.26, 0.9]])
    expense = np.array([0.0, 0.4, 1.0])
    assert chosen(quality, expense, 0.9, least_quality=0.25).tolist() == [1, 0, 0]


def test_prices_at_which_two_experts_turn() -> None:
    """The gain over the further expense; equally dear ones never turn."""
    quality = np.array([[0.2, 0.5], [0.2, 0.5], [0.5, 0.2], [0.5, 0.4], [0.4, 0.4]])
    expense = np.array([[0.0, 1.0], [0.1, 0.7], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    expected = [0.3, 0.5, -0.3, -np.inf, np.inf]
    assert turning_prices(quality, expense).tolist() == pytest.approx(expected)


def test_the_cheapest_answers_where_it_is_good_enough() -> None:
    """A gain below the operating point's stays on the device; the numbers are told."""
    found = decided(local(quality=0.8), cloud(quality=0.9))
    assert (found.expert, found.wanted, found.location) == ("local", "local", Location.DEVICE)
    assert found.reason is Reason.CHEAPEST_IS_ENOUGH
    assert found.gain == pytest.approx(0.1)
    assert found.min_gain == 0.2
    assert found.words == "good enough: asking a dearer expert gains +10% (< +20%)"


def test_a_gain_below_nothing_is_told_as_nothing() -> None:
    """A percentage below zero would read like a threshold."""
    found = decided(local(quality=0.8), cloud(quality=0.75))
    assert found.gain == pytest.approx(-0.05)
    assert found.words == "good enough: asking a dearer expert gains nothing (< +20%)"


def test_a_gain_that_is_worth_it_goes_to_the_dearer_one() -> None:
    """The dearer expert answers, the cheaper one is its fallback."""
    found = decided(local(quality=0.4), cloud(quality=0.9))
    assert (found.expert, found.fallbacks, found.location) == ("cloud", ("local",), Location.CLOUD)
    assert found.order == ("cloud", "local")
    assert found.reason is Reason.GAIN_IS_WORTH_IT
    assert found.words == "expected gain +50%, worth it from +20%"


def test_a_gain_that_meets_the_threshold_exactly_is_worth_it() -> None:
    """The comparison is >=."""
    assert decided(local(quality=0.5), cloud(quality=0.75), price=0.25).expert == "cloud"
    assert decided(local(quality=0.5), cloud(quality=0.75), price=0.2501).expert == "local"


def test_a_threshold_of_zero_is_a_threshold() -> None:
    """At zero an equal expert in the cloud is asked, a worse one is not."""
    assert decided(local(quality=0.5), cloud(quality=0.5), price=0.0).expert == "cloud"
    assert decided(local(quality=0.5), cloud(quality=0.4999), price=0.0).expert == "local"


def test_an_unknown_price_passes_where_cost_has_no_limit() -> None:
    """It may answer, after all whose price is known."""
    assert decided(local(), cloud(cost=None)).expert == "cloud"
    found = decided(local(), cloud("dear", cost=5.0), cloud("unknown", cost=None))
    assert found.expert == "dear"


def test_the_only_expert_says_so() -> None:
    """There was nothing to choose."""
    assert decided(local()).words == "the only expert there is"


def test_a_better_local_expert_never_sends_a_query_away_from_another() -> None:
    """With two local experts neither: the better of them is still there to compare with."""
    others = local("3b", 0.4), cloud(quality=0.49)
    assert decided(local("1b", 0.3), *others, price=0.1).expert == "3b"
    assert decided(local("1b", 0.35), *others, price=0.1).location is Location.DEVICE


def test_cheaper_experts_are_asked_in_proportion() -> None:
    """A cloud model at a tenth of the dearest one's dollars is asked for a tenth of the gain."""
    clouds = cloud("dear", 0.85, cost=1.0), cloud("middle", 0.8, cost=0.1)
    found = decided(*clouds, local(quality=0.5))
    assert (found.expert, found.fallbacks) == ("middle", ("dear", "local"))
    assert (found.gain, found.min_gain) == pytest.approx((0.3, 0.02))
    found = decided(*clouds, local(quality=0.79))
    assert (found.expert, found.min_gain) == ("local", pytest.approx(0.02))


def test_the_gain_that_is_told_is_the_one_that_decided() -> None:
    """Of several cheaper experts the closest comparison is told, and it holds."""
    found = decided(local(quality=0.5), cloud("mini", 0.7, cost=0.2), cloud("big", 0.9, cost=1.0))
    assert (found.expert, found.reason) == ("big", Reason.GAIN_IS_WORTH_IT)
    assert (found.gain, found.min_gain) == pytest.approx((0.2, 0.16))


def test_of_equal_scores_the_dearer_is_chosen() -> None:
    """Three that are all worth it exactly; of equally dear ones the cheaper by its dollars."""
    three = local(quality=0.5), cloud("mini", 0.625, cost=0.5), cloud("big", 0.75, cost=1.0)
    assert decided(*three, price=0.25).order == ("big", "mini", "local")
    same = cloud("b", 0.7, cost=0.01), cloud("a", 0.7, cost=0.01), cloud("c", 0.7, cost=0.001)
    assert decided(*same, cloud("dearest", 0.0, cost=1.0), price=0.25).order[:3] == ("c", "a", "b")


def test_the_scale_is_that_of_all_that_are_compared() -> None:
    """Also of one that may not answer: who is usable now never changes an expense."""
    everyone = local(quality=0.5), cloud("mini", 0.55, cost=0.1), cloud("big", 0.6, cost=1.0)
    assert decided(*everyone, price=0.4).expert == "mini"
    limits = Constraints(max_cost_usd=0.5)
    assert decided(*everyone, price=0.4, constraints=limits).expert == "mini"
    assert decided(*everyone[:2], price=0.4).expert == "local"


POINT = OperatingPoint("balanced", "", 0.2, 0.25)


def test_a_poor_answer_does_not_stay_for_the_sake_of_a_few_points() -> None:
    """One that reaches the least quality is asked, and the words say why."""
    found = decided(local(quality=0.2), cloud(quality=0.3), price=POINT)
    assert (found.expert, found.reason) == ("cloud", Reason.LEAST_QUALITY)
    assert (found.gain, found.min_gain) == pytest.approx((0.1, 0.2))
    assert found.words == (
        "a cheaper expert is expected to do well less often than 25% of the time, this one 30%"
    )


def test_the_least_quality_is_not_the_reason_where_the_gain_is() -> None:
    """Nor where all reach it."""
    assert decided(local(quality=0.1), cloud(quality=0.9), price=POINT).reason == "gain_is_worth_it"
    assert decided(local(quality=0.3), cloud(quality=0.4), price=POINT).expert == "local"


def test_where_nobody_does_well_the_decision_says_so() -> None:
    """The rule chooses; a stated price has no least quality and says nothing."""
    found = decided(local(quality=0.05), cloud(quality=0.2), price=POINT)
    assert (found.expert, found.nobody_does_well) == ("local", True)
    assert found.words.endswith("gains +15% (< +20%); no expert is expected to do well")
    assert decided(local(quality=0.05), price=POINT).words == (
        "the only expert there is; no expert is expected to do well"
    )
    assert not decided(local(quality=0.05)).nobody_does_well


def test_one_that_does_well_but_may_not_answer_is_wanted() -> None:
    """Among the others the price decides."""
    everyone = local(quality=0.05), cloud("mini", 0.1, cost=0.1), cloud("big", 0.6, cost=1.0)
    found = decided(*everyone, price=POINT, constraints=Constraints(max_cost_usd=0.5))
    assert (found.expert, found.wanted, found.nobody_does_well) == ("mini", "big", False)


TOOLS = CheapestRule(PriceRule(POINT))


def test_what_no_model_can_know_is_left_to_the_cheapest() -> None:
    """Whatever would be gained; the dearer ones step in from the cheapest on."""
    everyone = cloud("big", 0.9, cost=1.0), cloud("mini", 0.8, cost=0.2), local(quality=0.1)
    found = decided(*everyone, rule=TOOLS)
    assert (found.order, found.reason) == (("local", "mini", "big"), Reason.NEEDS_TOOLS)
    assert found.words == (
        "needs live data or a device: no model can know, so the cheapest expert answers"
    )
    assert found.operating_point == "balanced"


def test_constraints_hold_for_what_no_model_can_know() -> None:
    """The cheapest of those that may answer."""
    everyone = cloud("big", 0.9, cost=1.0), cloud("mini", 0.8, cost=0.2), local(quality=0.1)
    only = decided(*everyone, rule=TOOLS, constraints=Constraints(Placement.ONLY_IN_CLOUD))
    assert (only.expert, only.location, only.wanted) == ("mini", Location.CLOUD, "local")
    wish = decided(*everyone, rule=TOOLS, constraints=Constraints(Placement.PREFER_IN_CLOUD))
    assert (wish.expert, wish.reason) == ("mini", Reason.PREFERRED_IN_CLOUD)
