"""Affinity: a conversation leaves its expert only for more than reading it anew is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_candidates import cloud, local

from edge_router.routing.deciding.affinity import AffinityRule, staying
from edge_router.routing.deciding.decision import Decision, Rule, Stay
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.price_rule import CheapestRule, PriceRule
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.routing.deciding.reason import Reason
from edge_router.settings.constraints import Constraints

SHARES = st.floats(0.0, 1.0)
RULE = PriceRule.of_price(0.1)
USUAL = {"small": 0.5, "big": 0.7}  # a gain of 0.2, of which 0.1 pays for the expense
UNLIMITED = Constraints()


def decided(
    stay: Stay | None,
    *,
    qualities: dict[str, float] = USUAL,
    rule: Rule = RULE,
    limits: Constraints = UNLIMITED,
) -> Decision:
    """Among a free expert on the device and one in the cloud for a cent."""
    experts = [local("small", qualities["small"]), cloud("big", qualities["big"])]
    return decide(experts, constraints=limits, rule=staying(rule, stay), input_tokens=9)


@pytest.mark.parametrize(
    ("lost", "expert"), [(0.0, "big"), (0.004, "big"), (0.006, "small"), (0.5, "small")]
)
def test_it_is_left_where_the_gain_exceeds_the_price(lost: float, expert: str) -> None:
    """A cent is worth 0.1 of quality by this point, and 0.05 are gained beyond the expense."""
    qualities = {"small": 0.5, "big": 0.65}
    assert decided(Stay("small", lost), qualities=qualities).expert == expert


def test_a_stay_says_why() -> None:
    """The gain that was forgone, and the price of reading anew."""
    chosen = decided(Stay("small", 0.008), qualities={"small": 0.5, "big": 0.65})
    assert (chosen.expert, chosen.wanted, chosen.reason) == ("small", "small", Reason.SAME_EXPERT)
    assert (chosen.gain, chosen.min_gain) == (pytest.approx(0.05), pytest.approx(0.08))
    assert chosen.words == (
        "it has read this conversation: switching gains +5.0%, not more than the 8.0% that reading "
        "it anew is worth"
    )
    assert chosen.fallbacks == ("big",)


def test_a_dear_expert_is_kept_too() -> None:
    """Where the cheap one would save less than the prefix is worth."""
    qualities = {"small": 0.65, "big": 0.7}
    assert decided(None, qualities=qualities).expert == "small"
    assert decided(Stay("big", 0.009), qualities=qualities).expert == "big"
    assert decided(Stay("big", 0.001), qualities=qualities).expert == "small"


@given(small=SHARES, big=SHARES, lost=st.floats(0.0, 0.05), at=st.sampled_from(["small", "big"]))
def test_every_switch_gains_more_than_its_price(
    small: float, big: float, lost: float, at: str
) -> None:
    """And every stay gains no more."""
    qualities = {"small": small, "big": big}
    free = decided(None, qualities=qualities)
    chosen = decided(Stay(at, lost), qualities=qualities)
    price = 0.1 * min(1.0, lost / 0.01)
    scores = {"small": small, "big": big - 0.1}
    gain = scores[free.expert] - scores[at]
    if chosen.expert != at:
        assert chosen.expert == free.expert
        assert gain > price or lost == 0
    elif free.expert != at:
        assert gain <= price + 1e-12


def test_who_may_not_answer_is_not_stayed_with() -> None:
    """Limits come first; an expert below the least quality is left as well."""
    own = Constraints(placement="only_on_device")  # type: ignore[arg-type]
    assert decided(Stay("big", 1.0), limits=own).expert == "small"
    floor = PriceRule(OperatingPoint("o", "p", 0.1, least_quality=0.6))
    assert decided(Stay("small", 1.0), rule=floor).expert == "big"
    assert decided(Stay("gone", 1.0)).expert == decided(None).expert


@pytest.mark.parametrize(
    "rule", [RankedRule(("big",)), CheapestRule(RULE), PriceRule.of_price(0.0)]
)
def test_rules_without_a_price_stay_as_they_are(rule: Rule) -> None:
    """They cannot weigh dollars against quality."""
    assert staying(rule, Stay("small", 1.0)) is rule
    assert staying(RULE, None) is RULE
    assert type(staying(RULE, Stay("small", 1.0))) is AffinityRule
