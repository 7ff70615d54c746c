"""RankedRule: the first of a stated order that may answer, whatever is expected of the others."""

from __future__ import annotations

import pytest

from edge_router import Config, Constraints, EdgeRouter, Reason
from edge_router.errors import ConfigError, NoExpertFits
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL


def make(local: FakeBackend, cloud: FakeBackend, **settings: object) -> EdgeRouter:
    config = Config(experts={"local": LOCAL, "cloud": CLOUD}, **settings)  # type: ignore[arg-type]
    return EdgeRouter(config, backends={"local": local, "cloud": cloud})


@pytest.mark.parametrize("order", [("local", "cloud"), ("cloud", "local")])
def test_the_first_of_the_order_answers(order: tuple[str, ...]) -> None:
    """With its reason, and the gain of the scores that the order rests on."""
    rule = RankedRule(order, "task law", {order[0]: 0.75, order[1]: 0.25})
    with make(FakeBackend("local"), FakeBackend("cloud")) as router:
        answer = router.complete("Why?", rule=rule)
        usual = router.complete("Why?")
    decision = answer.record.decision
    assert (answer.text, decision.reason, decision.preference) == (
        order[0],
        Reason.TASK_EXPERT,
        "task law",
    )
    assert (decision.gain, decision.fallbacks) == (0.5, order[1:])
    assert "by its leaderboard" in decision.words
    assert usual.record.decision.reason is not Reason.TASK_EXPERT


def test_limits_hold_and_the_next_of_the_order_answers() -> None:
    """The words say who was wanted; an expert that the order does not name comes last."""
    rule = RankedRule(("cloud", "nobody"))
    with make(FakeBackend("here"), FakeBackend("there")) as router:
        answer = router.complete(
            "Why?", rule=rule, constraints=Constraints(placement="only_on_device")
        )
        assert answer.text == "here"
        assert answer.record.decision.wanted == "cloud"
        assert answer.record.reason == "only_on_device"
        streamed = "".join(chunk.delta for chunk in router.stream("Why?", rule=rule))
    assert streamed == "there"


def test_a_failed_expert_is_followed_by_the_next() -> None:
    """As in every decision."""
    with make(FakeBackend("here"), FakeBackend(error=DOWN)) as router:
        assert router.complete("Why?", rule=RankedRule(("cloud",))).record.answered_by == "local"


def test_it_is_explained() -> None:
    """With what would have made the other expert answer: a preference instead of the order."""
    with make(FakeBackend(), FakeBackend()) as router:
        decision = router.router.route("Why?", rule=RankedRule(("local",), "task law"))
        explained = router.router.explain(decision)
    assert explained.preference == "task law"
    assert any("instead of task law" in change.words for change in explained.changes)


def test_consulting_asks_one_expert_and_learns_nothing(tmp_path: object) -> None:
    """No fallback, also where the cloud is preferred; the outcome log stays empty."""
    local, cloud = FakeBackend("task"), FakeBackend("there")
    with make(
        local, cloud, placement="prefer_in_cloud", learn=True, exploration=0.5, data_dir=tmp_path
    ) as router:
        for _ in range(8):
            answer = router.consult("local", "Which task is it?")
            assert (answer.text, answer.record.answered_by) == ("task", "local")
            assert answer.record.decision.fallbacks == ()
            assert answer.record.reason == Reason.ASKED_BY_NAME
        assert router.feedback(answer.record.id, 1.0) is False
    assert cloud.requests == []


def test_consulting_keeps_limits_and_refuses_strangers() -> None:
    """A cloud expert is not asked on a device that keeps everything to itself."""
    with make(FakeBackend(), FakeBackend()) as router:
        with pytest.raises(NoExpertFits, match="nothing may leave this device"):
            router.consult("cloud", "?", constraints=Constraints(placement="only_on_device"))
        with pytest.raises(ConfigError, match="expert 'x' is unknown"):
            router.consult("x", "?")


@pytest.mark.parametrize("rule", ["best", ("local",), 0])
def test_what_is_no_rule_is_refused(rule: object) -> None:
    """Before anybody is asked; the words name it and show one."""
    cloud = FakeBackend()
    refused = pytest.raises(ConfigError, match=r"rule is .*; give a Rule, for example RankedRule")
    with make(FakeBackend(), cloud) as router, refused:
        router.complete("Why?", rule=rule)  # type: ignore[arg-type]
    assert cloud.requests == []
