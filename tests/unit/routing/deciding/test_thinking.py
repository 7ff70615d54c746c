"""Levels of thinking: candidates of the decision, ruled out by the request or for lack of room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from edge_router import ChatRequest, Config, EdgeRouter, Message, Reason
from edge_router.backends.deadline import Deadline
from edge_router.errors import BackendRejected, ConfigError, NoExpertFits
from edge_router.routing.router import Router
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL

LEVELS = {
    "off": {},
    "low": {"thought_tokens": 100, "quality_gain": 0.05},
    "full": {"thought_tokens": 400, "quality_gain": 0.3},
}
BIG = replace(CLOUD, output_usd_per_million=10.0, thinking=LEVELS)


def config(price: float = 0.0, **settings: Any) -> Config:
    return Config(experts={"local": LOCAL, "big": BIG}, min_gain=price, **settings)


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest((Message("user", "Prove that e is irrational."),), **fields)


def fakes(**texts: FakeBackend) -> Mapping[str, FakeBackend]:
    names = ("local", "big-off", "big-low", "big-full")
    return {name: texts.get(name.replace("-", "_"), FakeBackend(name)) for name in names}


def test_each_level_is_estimated_for_itself() -> None:
    """Its thoughts are tokens that are paid for and take time; its gain is in its quality."""
    estimates = Router.from_config(config()).route(ask(max_tokens=2000)).estimates
    off, low, full = (estimates[f"big-{level}"] for level in LEVELS)
    assert off.quality < low.quality < full.quality
    assert low.output_tokens == pytest.approx(off.output_tokens + 100)
    assert full.output_tokens == pytest.approx(off.output_tokens + 400)
    assert off.cost_usd < low.cost_usd < full.cost_usd  # type: ignore[operator]
    assert off.latency_s < low.latency_s < full.latency_s


def test_the_price_chooses_the_level() -> None:
    """At no price the best thinks in full; at a high one the same expert does not think."""
    assert Router.from_config(config()).route(ask()).expert == "big-full"
    assert Router.from_config(config(0.9)).route(ask()).expert == "big-off"


@pytest.mark.parametrize(
    ("stated", "left"),
    [("low", {"big-low"}), ("high", {"big-full"}), ("none", {"big-off", "local"}),
     ("minimal", {"big-off", "local"})],
)  # fmt: skip
def test_what_the_caller_states_leaves_that_level_alone(stated: Any, left: set[str]) -> None:
    """Others are ruled out with a reason; who has no levels counts as before."""
    decision = Router.from_config(config()).route(ask(reasoning_effort=stated))
    assert {*decision.order} == left
    others = {f"big-{level}" for level in LEVELS} - left
    assert all(decision.excluded[name] is Reason.OTHER_THINKING for name in others)


def test_a_level_that_nobody_has_fits_nobody() -> None:
    """It is said why, for each of them."""
    with pytest.raises(NoExpertFits, match=r"big-low \(it thinks more or less than"):
        Router.from_config(config()).route(ask(reasoning_effort="xhigh"))


def test_an_expert_without_levels_thinks_as_much_as_the_caller_states() -> None:
    """Its own setting is for requests that state nothing."""
    single = Config(experts={"big": replace(CLOUD, reasoning_effort="high")})
    assert Router.from_config(single).route(ask(reasoning_effort="low")).expert == "big"


def test_a_level_needs_room_to_answer() -> None:
    """Thoughts count in max_tokens; if nobody else is left, it is asked all the same."""
    router = Router.from_config(config())
    decision = router.route(ask(max_tokens=400))
    assert decision.excluded == {"big-full": Reason.NO_ROOM_TO_THINK}
    assert router.route(ask(max_tokens=401)).excluded == {}
    alone = Config(experts={"big": replace(BIG, thinking={"full": LEVELS["full"]})})
    assert Router.from_config(alone).route(ask(max_tokens=9)).expert == "big-full"


def test_the_explanation_says_how_much_each_would_think() -> None:
    """By the name of the level in words that a request uses, as its schema says."""
    router = Router.from_config(config())
    shown = router.explain(router.route(ask())).to_json()
    efforts = {one["name"]: one["reasoning_effort"] for one in shown["experts"]}
    assert efforts == {"local": None, "big-off": "none", "big-low": "low", "big-full": "high"}


def test_the_record_says_what_was_thought() -> None:
    """The level's, or what the caller states."""
    with EdgeRouter(config(), backends=fakes()) as router:
        assert router.complete(ask()).record.reasoning_effort == "high"
        record = router.complete(ask(reasoning_effort="minimal")).record
    assert record.reasoning_effort == "minimal"
    assert record.to_json()["reasoning_effort"] == "minimal"


def test_an_expert_asked_by_its_name_is_any_of_its_levels() -> None:
    """Which one, the usual rule says; the others are its fallbacks, and no other expert is."""
    with EdgeRouter(config(), backends=fakes()) as router:
        decision = router.consult("big", ask()).record.decision
        assert decision.order == ("big-full", "big-low", "big-off")
        assert decision.reason is Reason.ASKED_BY_NAME
        assert router.consult("big-low", ask()).record.answered_by == "big-low"
        with pytest.raises(ConfigError, match="known are local, big-off, big-low, big-full"):
            router.consult("bigger", ask())


def test_an_expert_asked_by_its_name_gives_no_others_kept_answer() -> None:
    """Not even that of a better one, which the budget does not pay for any more."""
    free = replace(BIG, input_usd_per_million=0.0, output_usd_per_million=0.0)
    low = {"thought_tokens": 10}
    better = replace(CLOUD, quality_gain=0.4, output_usd_per_million=1000.0)
    experts = {"better": better, "big": replace(free, thinking={"off": {}, "low": low})}
    stated: Any = {"cache": {"mode": "exact"}, "budget_usd": 0.052, "min_gain": 0.0}
    names = ("big-off", "big-low")
    backends = {"better": FakeBackend("word " * 48), **{n: FakeBackend(n) for n in names}}
    with EdgeRouter(Config(experts=experts, **stated), backends=backends) as router:
        assert router.complete(ask(max_tokens=50)).record.answered_by == "better"
        again = router.complete(ask(max_tokens=50)).record
        assert (again.cached, again.decision.excluded["better"]) == ("exact", Reason.BUDGET)
        assert router.consult("big", ask(max_tokens=50)).record.answered_by.startswith("big-")


def test_a_server_that_is_down_is_not_asked_at_each_level() -> None:
    """The next expert answers; the record says why the levels were not asked."""
    down = FakeBackend(error=DOWN)
    backends = fakes(big_full=down)
    with EdgeRouter(config(), backends=backends) as router:
        record = router.complete(ask()).record
    assert record.answered_by == "local"
    assert backends["big-low"].requests == backends["big-off"].requests == []
    assert "big-full is unavailable, and so is its server" in record.failures["big-low"]


def test_the_time_left_is_not_kept_for_levels_that_are_not_asked() -> None:
    """If one of them is too slow, only the expert at another server is left."""
    times: list[float] = []

    class Timed(FakeBackend):
        def stream(self, request: ChatRequest, *, deadline: Deadline) -> Any:
            times.append(deadline.remaining())
            return super().stream(request, deadline=deadline)

    with EdgeRouter(config(deadline_s=90.0), backends=fakes(big_full=Timed())) as router:
        list(router.stream(ask()))
        router.consult("big", ask())
    assert times == [pytest.approx(45.0, abs=5.0), pytest.approx(90.0, abs=5.0)]


def test_a_refusal_is_the_callers() -> None:
    """A level that the server does not know is a setting to mend, not a reason to ask another."""
    refused = FakeBackend(error=BackendRejected("reasoning_effort: unknown value"))
    router = EdgeRouter(config(), backends=fakes(big_full=refused))
    with router, pytest.raises(BackendRejected, match="reasoning_effort"):
        router.complete(ask())
