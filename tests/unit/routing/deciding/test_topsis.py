"""Preferences: Pareto front, TOPSIS, and what each preference chooses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.device.latency import Speed
from edge_router.errors import ConfigError
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.deciding.topsis import PreferenceRule, closeness, pareto_front
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.experts.panel import Candidate, Candidates
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints, Placement
from edge_router.settings.preference import Preference, Weights

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
SPEED = Speed(0.0, 1.0, 1.0)


def expert(
    name: str, quality: float, cost: float | None, latency: float = 1.0, *, cloud: bool = True
) -> Candidate:
    location = Location.CLOUD if cloud else Location.DEVICE
    found = Expert(name, name, location, HEAD, SPEED, None)
    return Candidate(found, Estimate(name, quality, cost, latency, 10.0))


def names(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.expert.name for candidate in candidates]


def choose(preference: str, *candidates: Candidate) -> str:
    return ordered(PreferenceRule.of(preference), candidates)[0]


def ordered(rule: PreferenceRule, candidates: Sequence[Candidate]) -> list[str]:
    """All of them by name, best first; the first is the choice."""
    weighed, all_of_them = rule.weigh(Candidates.of(candidates)), np.arange(len(candidates))
    order = weighed.order(all_of_them).tolist()
    assert weighed.best(all_of_them) == order[0]
    return [candidates[place].expert.name for place in order]


def _decide(
    preference: str, *candidates: Candidate, constraints: Constraints | None = None
) -> Decision:
    return decide(
        candidates,
        constraints=constraints or Constraints(),
        rule=PreferenceRule.of(preference),
        input_tokens=10,
    )


SMALL = expert("small", 0.5, 0.0, 4.0, cloud=False)
MIDDLE = expert("middle", 0.8, 0.002, 1.0)
LARGE = expert("large", 0.9, 0.01, 2.0)

GRID = st.integers(0, 6)
EXPERTS = st.lists(st.tuples(GRID, st.none() | GRID, GRID), min_size=1, max_size=6).map(
    lambda rows: [
        expert(f"e{number}", q / 8, None if c is None else c / 8, t / 8)
        for number, (q, c, t) in enumerate(rows)
    ]
)
PREFERENCES = st.sampled_from(["performance", "cost", "cost<=0.3", "auto"]) | st.tuples(
    GRID, GRID, GRID
).filter(any).map("quality={0[0]},cost={0[1]},latency={0[2]}".format)


def beats(one: Estimate, other: Estimate) -> bool:
    """Whether `one` dominates `other`, written out again."""
    pairs = [
        (one.quality, other.quality),
        (-_cost(one), -_cost(other)),
        (-one.latency_s, -other.latency_s),
    ]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _cost(estimate: Estimate) -> float:
    return math.inf if estimate.cost_usd is None else estimate.cost_usd


def test_the_front_drops_only_what_is_beaten() -> None:
    """Equal ones stay; one that is worse in one column and better in none goes."""
    twin = expert("twin", 0.8, 0.002, 1.0)
    worse = expert("worse", 0.8, 0.002, 1.5)
    assert names(pareto_front([SMALL, MIDDLE, worse, LARGE, twin])) == [
        "small",
        "middle",
        "large",
        "twin",
    ]


def test_topsis_equals_a_hand_computed_example() -> None:
    """Quality, cost and latency scale to (0, 0, 1), (0.75, 0.2, 0), (1, 1, 1/3).

    With weights 0.5, 0.25, 0.25 the squared distances to the ideal are 0.5 + 0.25 = 0.75;
    0.03125 + 0.01 = 0.04125; 0.25 + 0.25 / 9 = 0.277778. To the anti-ideal: 0.25;
    0.28125 + 0.16 + 0.25 = 0.69125; 0.5 + 0.25 * 4 / 9 = 0.611111.
    """
    found = closeness([SMALL, MIDDLE, LARGE], Weights(0.5, 0.25, 0.25))
    expected = [
        math.sqrt(a) / (math.sqrt(a) + math.sqrt(i))
        for i, a in ((0.75, 0.25), (0.04125, 0.69125), (0.2777777778, 0.6111111111))
    ]
    assert found == pytest.approx(expected)
    assert found == pytest.approx([0.366025, 0.803675, 0.597300], abs=1e-6)
    assert choose("auto", SMALL, MIDDLE, LARGE) == "middle"


def test_a_constant_column_is_ideal_for_all() -> None:
    """Equation 8: 0 for cost and latency, 1 for quality, whatever the value."""
    found = closeness([expert("a", 0.3, 0.1, 9.0), expert("b", 0.3, 0.2, 9.0)], Weights(1, 1, 1))
    assert found[0] == 1.0
    assert found[1] == pytest.approx(math.sqrt(2) / (math.sqrt(2) + 1))


def test_a_tie_goes_to_higher_quality_then_to_lower_cost() -> None:
    """Two ends of the front under equal weights are equally close; so are twins."""
    low, high = expert("low", 0.2, 0.1), expert("high", 0.7, 0.3)
    assert closeness([low, high], Weights(1, 1, 0)) == [0.5, 0.5]
    assert choose("quality=1,cost=1", low, high) == "high"
    cheap, dear = expert("cheap", 0.7, 0.1, 2.0), expert("dear", 0.7, 0.3, 1.0)
    assert choose("quality=1", dear, cheap) == "cheap"
    assert choose("auto", expert("b", 0.5, 0.1), expert("a", 0.5, 0.1)) == "a"


def test_a_column_of_weight_0_takes_no_part() -> None:
    """Beaten in quality and cost, the fast one stretches neither scale where latency is not asked
    for; where it is, it stands on the front and turns the choice."""
    cheap, good = expert("cheap", 0.5, 0.0, 4.0), expert("good", 0.9, 0.01, 2.0)
    fast = expert("fast", 0.1, 0.012, 0.5)
    assert choose("quality=1,cost=1", cheap, good) == "good"
    assert choose("quality=1,cost=1", cheap, good, fast) == "good"
    assert choose("quality=1,cost=1,latency=1e-9", cheap, good, fast) == "cheap"


@given(EXPERTS, st.tuples(GRID, GRID).filter(any), st.lists(GRID, min_size=6, max_size=6))
def test_what_has_no_weight_only_breaks_ties(
    candidates: list[Candidate], weights: tuple[int, int], latencies: list[int]
) -> None:
    """With other latencies the choice is another only among equals in quality and cost."""
    text = f"quality={weights[0]},cost={weights[1]}"
    other = [
        replace(c, estimate=replace(c.estimate, latency_s=latencies[at] / 8))
        for at, c in enumerate(candidates)
    ]
    by_name = {c.expert.name: (c.estimate.quality, c.estimate.cost_usd) for c in candidates}
    assert by_name[choose(text, *candidates)] == by_name[choose(text, *other)]


def test_performance_is_the_best_quality() -> None:
    """Whatever it costs."""
    assert choose("performance", SMALL, MIDDLE, LARGE) == "large"


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        ("cost", "middle"),  # the cheapest quarter of 0 .. 0.01
        ("cost<=0.001", "small"),
        ("cost<=0.002", "middle"),
        ("cost<=1", "large"),
    ],
)
def test_cost_is_the_best_within_a_range(preference: str, expected: str) -> None:
    """Up to the stated dollars for an answer, else up to a quarter of the way to the dearest."""
    assert choose(preference, SMALL, MIDDLE, LARGE) == expected


def test_where_nobody_is_within_the_range_the_cheapest_answers() -> None:
    """A range is a wish, max_cost_usd is the limit; the words say so."""
    found = _decide("cost<=0.001", MIDDLE, LARGE)
    assert (found.expert, found.reason) == ("middle", Reason.OUTSIDE_COST_RANGE)
    assert found.words.startswith("cheapest, since nobody is within the cost range: 80% for $0.002")


def test_an_unknown_price_counts_as_the_dearest() -> None:
    """It is in no cost range, but it may still be the best."""
    unknown = expert("unknown", 0.95, None, 0.5)
    everyone = [SMALL, MIDDLE, LARGE, unknown]
    assert choose("cost<=100", *everyone) == "large"
    assert choose("performance", *everyone) == "unknown"
    assert closeness([MIDDLE, unknown], Weights(cost=1)) == [1.0, 0.0]
    assert choose("cost", unknown) == "unknown"
    assert choose("cost", unknown, replace(unknown)) == "unknown"


def test_the_decision_explains_itself_in_dollars_and_seconds() -> None:
    """With a stable code, the preference's text, and the next best expert."""
    found = _decide("auto", SMALL, MIDDLE, LARGE)
    assert (found.expert, found.reason) == ("middle", Reason.BEST_BALANCE)
    assert (found.preference, found.operating_point, found.min_gain) == ("auto", "", 0.0)
    assert found.words == (
        "best balance of quality, cost and latency: 80% for $0.002 in 1.0 s, "
        "next large 90% for $0.01 in 2.0 s"
    )
    assert found.gain == pytest.approx(-0.1)
    assert _decide("performance", SMALL).words == "the only expert there is"


def test_limits_come_before_the_preference() -> None:
    """Excluded experts are named, and the others are compared without them."""
    found = _decide(
        "performance", SMALL, MIDDLE, LARGE, constraints=Constraints(max_cost_usd=0.005)
    )
    assert (found.expert, found.wanted, found.reason) == ("middle", "large", Reason.MAX_COST)
    assert found.fallbacks == ("small",)


def test_a_wish_for_the_cloud_leaves_the_choice_there_to_the_preference() -> None:
    """The local expert is then the last to be asked."""
    wish = Constraints(Placement.PREFER_IN_CLOUD)
    found = _decide("cost", SMALL, MIDDLE, LARGE, constraints=wish)
    assert (found.expert, found.reason) == ("middle", Reason.PREFERRED_IN_CLOUD)


@given(EXPERTS, PREFERENCES)
def test_nobody_who_is_dominated_is_ever_chosen(candidates: list[Candidate], text: str) -> None:
    """Under any preference and any weights."""
    by_name = {candidate.expert.name: candidate for candidate in candidates}
    chosen = by_name[choose(text, *candidates)]
    assert not any(beats(other.estimate, chosen.estimate) for other in candidates)
    assert chosen in pareto_front(candidates)


@given(EXPERTS, PREFERENCES, st.sampled_from([0.001, 0.3, 8.0, 1e6]), st.sampled_from([0.01, 60.0]))
def test_the_units_do_not_matter(
    candidates: list[Candidate], text: str, dollars: float, seconds: float
) -> None:
    """Cents or dollars, minutes or seconds; only a stated range has a unit, and it scales too."""
    rescaled = [
        replace(
            c,
            estimate=replace(
                c.estimate,
                cost_usd=None if c.estimate.cost_usd is None else c.estimate.cost_usd * dollars,
                latency_s=c.estimate.latency_s * seconds,
            ),
        )
        for c in candidates
    ]
    before = Preference.parse(text)
    limit = None if before.max_cost_usd is None else before.max_cost_usd * dollars
    after = replace(before, max_cost_usd=limit)
    assert ordered(PreferenceRule(after), rescaled) == ordered(PreferenceRule(before), candidates)


@given(EXPERTS, PREFERENCES)
def test_the_order_holds_everybody_once(candidates: list[Candidate], text: str) -> None:
    """And begins with the choice."""
    found = ordered(PreferenceRule.of(text), candidates)
    assert sorted(found) == sorted(names(candidates))
    assert found[0] == choose(text, *candidates)


@given(EXPERTS, PREFERENCES)
def test_a_dominated_expert_changes_nothing(candidates: list[Candidate], text: str) -> None:
    """Neither does the order in which experts are named."""
    chosen = choose(text, *candidates)
    worst = expert("worst", 0.0, None, 100.0)
    assert choose(text, worst, *reversed(candidates)) == chosen


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("best", "'best' is unknown; use"),
        ("quality", "is unknown"),
        ("speed=1", "is unknown"),
        ("quality=0.6,quality=0.4", "states 'quality' twice"),
        ("quality=-1,cost=2", "'-1', which must be a number of 0 or more"),
        ("quality=much", "'much', which must be"),
        ("quality=inf", "'inf', which must be"),
        ("quality=0,cost=0.0", "every column the weight 0"),
        ("cost<=-1", "'-1', which must be"),
        ("cost<=", "'', which must be"),
    ],
)
def test_a_preference_that_makes_no_sense_is_refused(text: str, told: str) -> None:
    """With the value and what would be right, from a file or from anywhere else."""
    with pytest.raises(ConfigError, match=told):
        Preference.parse(text)
    with pytest.raises(ConfigError, match=told):
        Config.load(preference=text)


def test_white_space_and_missing_weights_are_fine() -> None:
    """What is not named does not count."""
    found = Preference.parse(" quality = 0.6, cost=0.3 ")
    assert found.weights == Weights(0.6, 0.3, 0.0)
    assert Config.load(preference="cost <= 0.5").preference == "cost<=0.5"
