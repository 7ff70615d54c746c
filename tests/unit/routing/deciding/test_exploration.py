"""Exploration: rarely, within the limits, and with its probability on record."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest

from edge_router import Config, ConfigError, Constraints, Placement, Reason
from edge_router.device.latency import Speed
from edge_router.routing.deciding.decision import Decision, Rule
from edge_router.routing.deciding.exploration import Exploration, rival_of
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.price_rule import CheapestRule, PriceRule
from edge_router.routing.deciding.topsis import PreferenceRule
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.experts.panel import Candidate

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))


def decided(
    constraints: Constraints | None = None,
    *,
    quality: float = 0.5,
    preference: str | None = None,
    rule: Rule | None = None,
    doubts: Mapping[str, Reason] | None = None,
) -> Decision:
    """One expert here, two in the cloud, one of them only to compare with."""
    experts = (("local", quality, 0.0), ("cloud", 0.9, 0.01), ("other", 0.95, 0.02))
    candidates = [
        Candidate(
            Expert(
                name, name, Location.DEVICE if name == "local" else Location.CLOUD,
                HEAD, Speed(0.0, 1.0, 1.0), None,
            ),
            Estimate(name, expected, cost, 1.0, 10.0),
            configured=name != "other",
        )
        for name, expected, cost in experts
    ]  # fmt: skip
    return decide(
        candidates,
        constraints=constraints or Constraints(),
        rule=rule or (PreferenceRule.of(preference) if preference else PriceRule.of_price(0.2)),
        input_tokens=10,
        doubts=doubts or {},
    )


def test_below_the_rate_the_rival_answers() -> None:
    """With its own code, its probability, and the wanted expert as its fallback."""
    found = Exploration(0.1, lambda: 0.09).apply(decided())
    assert (found.expert, found.location, found.wanted) == ("local", Location.DEVICE, "cloud")
    assert (found.reason, found.propensity) == (Reason.EXPLORATION, 0.1)
    assert found.fallbacks == ("cloud",)
    assert found.words == "cloud was wanted; local is asked to learn from its answer"
    assert (rival_of(decided()), rival_of(found)) == ("local", "cloud")


def test_above_the_rate_the_decision_stands() -> None:
    """Only its propensity is noted; without a rate nothing is."""
    found = Exploration(0.1, lambda: 0.1).apply(decided())
    assert (found, found.propensity) == (Exploration(0.1, lambda: 0.5).apply(found), 0.9)
    assert found.expert == "cloud"
    assert Exploration(0.0, lambda: 0.0).apply(decided()).propensity == 1.0


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(placement=Placement.ONLY_ON_DEVICE),
        Constraints(placement=Placement.ONLY_IN_CLOUD),
        Constraints(placement=Placement.PREFER_IN_CLOUD),
        Constraints(offline=True),
        Constraints(max_cost_usd=0.001),
        Constraints(budget_left_usd=0.0),
    ],
)
@pytest.mark.parametrize("quality", [0.5, 0.9])
def test_limits_hold_for_explorers_too(constraints: Constraints, quality: float) -> None:
    """Where they leave no other expert, none is asked and the propensity is 1."""
    before = decided(constraints, quality=quality)
    found = Exploration(0.5, lambda: 0.0).apply(before)
    assert (found.expert, found.propensity) == (before.expert, 1.0)


@pytest.mark.parametrize("doubted", ["local", "cloud"])
def test_nobody_is_explored_whom_the_device_speaks_against(doubted: str) -> None:
    """Not even where no other is left: the chosen expert is still there."""
    for quality in (0.5, 0.9):
        before = decided(quality=quality, doubts={doubted: Reason.UNREACHABLE})
        found = Exploration(0.5, lambda: 0.0).apply(before)
        assert found.expert == before.expert != doubted
        assert found.propensity == 1.0


def test_a_preferred_cost_range_holds_for_explorers_too() -> None:
    """The cloud costs 0.01."""
    within = Exploration(0.5, lambda: 0.0).apply(decided(preference="cost<=0.02"))
    assert (within.expert, within.reason) == ("local", Reason.EXPLORATION)
    assert rival_of(decided(preference="cost<=0.001")) is None


def test_what_no_model_can_know_is_not_explored() -> None:
    """It stays with the cheapest expert: calibration leaves such answers out."""
    found = decided(rule=CheapestRule(PriceRule.of_price(0.2)))
    assert (found.expert, rival_of(found)) == ("local", None)
    assert Exploration(0.5, lambda: 0.0).apply(found) == found


def test_the_rate_is_kept_by_a_seeded_source() -> None:
    """300 +- 5 standard deviations of 3,000."""
    exploration = Exploration(0.1, random.Random(0).random)
    found = [exploration.apply(decided()) for _ in range(3000)]
    assert 218 <= sum(decision.reason is Reason.EXPLORATION for decision in found) <= 382
    assert {decision.propensity for decision in found} == {0.1, 0.9}


@pytest.mark.parametrize("setting", [{"exploration": 0.1}, {"learn_prompts": True}])
def test_without_learning_its_settings_are_refused(setting: dict[str, object]) -> None:
    """They would do nothing; a rate beyond one half is refused as well."""
    with pytest.raises(ConfigError, match="learn = true"):
        Config().with_changes(**setting)
    assert Config().with_changes(learn=True, **setting).learn
    with pytest.raises(ConfigError, match=r"0\.5"):
        Config().with_changes(learn=True, exploration=0.6)
