"""The laws of the rule for queries that need tools, on whatever experts there are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from made_candidates import PRICE, QUALITY, cloud, decided, local

from edge_router.errors import NoExpertFits
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.deciding.price_rule import CheapestRule, PriceRule
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.deciding.topsis import PreferenceRule
from edge_router.routing.experts.panel import Candidate, Candidates
from edge_router.settings.constraints import Constraints, Placement

COSTS = st.none() | st.sampled_from([0.0, 5e-324, 1e-300, 1e12]) | st.floats(1e-6, 10)
WORTH = st.sampled_from([0.0, 1e-300, 0.01, 1e12])
USUAL = st.builds(PriceRule.of_price, PRICE, WORTH) | st.sampled_from(
    [PreferenceRule.of("auto"), PreferenceRule.of("cost"), PreferenceRule.of("performance")]
)
RULE = st.builds(CheapestRule, USUAL, WORTH)
LIMITS = st.builds(
    Constraints,
    st.sampled_from(Placement),
    st.booleans(),
    st.none() | st.sampled_from([0.0, 1e-300, 1.0]),
    st.none() | st.floats(0, 100),
)


@st.composite
def everyone(draw: st.DrawFn) -> list[Candidate]:
    """One to five experts here and in the cloud; some here are asked over the network."""
    names = draw(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=5, unique=True))
    made = []
    for name in names:
        of = draw(st.sampled_from([local, cloud]))
        one = of(name, draw(QUALITY), cost=draw(COSTS), latency=draw(st.floats(0, 100)))
        away = draw(st.booleans())
        made.append(replace(one, expert=replace(one.expert, needs_network=away)))
    return made


@given(everyone(), RULE | USUAL, LIMITS)
def test_what_may_not_leave_the_device_does_not(
    candidates: list[Candidate], rule: Rule, limits: Constraints
) -> None:
    """Whatever the query needs, whatever is preferred and whatever it costs: neither the expert
    that is asked nor one that may step in."""
    leaving = {c.expert.name for c in candidates if c.expert.leaves_device}
    stays = limits.offline or limits.placement is Placement.ONLY_ON_DEVICE
    with suppress(NoExpertFits):
        found = decided(*candidates, rule=rule, constraints=limits)
        assert not (stays and leaving & set(found.order))


@given(everyone(), RULE)
def test_the_order_is_that_of_the_expenses(candidates: list[Candidate], rule: CheapestRule) -> None:
    """As they are with the seconds that the user pays for."""
    columns = Candidates.of(candidates)
    expenses = PriceRule.of_price(0.0, rule.usd_per_second).expenses(columns)
    by_name = dict(zip(columns.names, expenses.tolist(), strict=True))
    found = decided(*candidates, rule=rule)
    assert [by_name[name] for name in found.order] == sorted(by_name.values())
    assert found.reason is Reason.NEEDS_TOOLS


@given(everyone(), RULE, st.randoms(use_true_random=False))
def test_the_order_of_experts_does_not_matter(
    candidates: list[Candidate], rule: Rule, random: object
) -> None:
    """They may be named in any."""
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decided(*shuffled, rule=rule).order == decided(*candidates, rule=rule).order


@given(everyone(), RULE, st.data())
def test_ruling_out_an_expert_that_was_not_chosen_changes_nothing(
    candidates: list[Candidate], rule: Rule, data: st.DataObject
) -> None:
    """Neither who answers nor the order of those that may step in."""
    before = decided(*candidates, rule=rule)
    out = data.draw(st.sets(st.sampled_from([*before.fallbacks, "nobody"])))
    after = decided(*candidates, rule=rule, doubts=dict.fromkeys(out, Reason.UNREACHABLE))
    assert after.order == tuple(name for name in before.order if name not in out)
    assert (after.wanted, after.reason) == (before.wanted, before.reason)
