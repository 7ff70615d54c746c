"""Hedging: the second remote expert answers where the first is slow, and never a forbidden one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from edge_router import AnswerRecord, AsyncEdgeRouter, Config, EdgeRouter, Placement
from edge_router.errors import (
    AllBackendsFailed,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
    RouterClosed,
)
from edge_router.layers.privacy.gate import ConsentQuestion
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

FAR = replace(CLOUD, input_usd_per_million=0.0, output_usd_per_million=1000.0)
NEAR = replace(FAR, profile="70b")
RULE = RankedRule(("slow", "quick", "local"))
FOREVER = 30.0


def hedging(
    backends: dict[str, FakeBackend], *, after_s: float | None = 0.01, **settings: Any
) -> EdgeRouter:
    """Two remote experts and one here, as far as they have a backend."""
    every: dict[str, ExpertConfig] = {"slow": FAR, "quick": NEAR, "local": LOCAL}
    experts = {name: every[name] for name in backends}
    config = Config(experts=experts, hedge_after_s=after_s, **settings)
    return EdgeRouter(config, backends=backends)


def asked(backends: dict[str, FakeBackend]) -> dict[str, int]:
    return {name: len(backend.requests) for name, backend in backends.items()}


def pair(slow: FakeBackend, quick: FakeBackend) -> dict[str, FakeBackend]:
    return {"slow": slow, "quick": quick}


@pytest.mark.parametrize("whole", [True, False])
def test_the_quicker_one_answers_and_the_other_is_cancelled(whole: bool) -> None:
    """The record names both, and says "hedged"; nothing failed."""
    backends = pair(FakeBackend("late", delay_s=FOREVER), FakeBackend("soon enough"))
    with hedging(backends) as router:
        started = time.monotonic()
        if whole:
            record: AnswerRecord | None = router.complete("Why?", rule=RULE).record
        else:
            stream = router.stream("Why?", rule=RULE)
            assert "".join(chunk.delta for chunk in stream) == "soon enough"
            record = stream.record
        assert time.monotonic() - started < 5
    assert record is not None
    assert (record.answered_by, record.hedge, record.reason) == ("quick", "slow", "hedged")
    assert record.failures == {}


def test_one_that_begins_in_time_is_asked_alone() -> None:
    """And is as before, thoughts included."""
    thinks = FakeBackend("A b c.", reasoning_content="Hm hm")
    backends = pair(thinks, FakeBackend())
    with hedging(backends, after_s=20.0) as router:
        answer = router.complete("Why?", rule=RULE)
    assert (answer.text, answer.reasoning_content) == ("A b c.", "Hm hm ")
    assert (answer.record.hedge, asked(backends)) == (None, {"slow": 1, "quick": 0})


def test_the_first_may_win_after_all() -> None:
    """Then it is its answer, and the record names the other as the hedge."""
    backends = pair(FakeBackend("slow words", delay_s=0.05), FakeBackend(delay_s=FOREVER))
    with hedging(backends) as router:
        record = router.complete("Why?", rule=RULE).record
    assert (record.answered_by, record.hedge) == ("slow", "quick")
    assert record.reason != "hedged"
    assert asked(backends) == {"slow": 1, "quick": 1}


@pytest.mark.parametrize(
    "settings",
    [{"placement": Placement.ONLY_ON_DEVICE}, {"offline": True}, {"max_cost_usd": 1e-9}],
)
def test_nobody_who_is_ruled_out_is_asked(settings: dict[str, Any]) -> None:
    """A local answer may be as slow as it likes; so may one that is the only one allowed."""
    backends = pair(FakeBackend(), FakeBackend()) | {"local": FakeBackend("here", delay_s=0.05)}
    with hedging(backends, **settings) as router:
        assert router.complete("Why?", rule=RULE).text == "here"
    assert asked(backends) == {"slow": 0, "quick": 0, "local": 1}


@pytest.mark.parametrize("given", [True, False])
def test_nobody_is_raced_while_the_user_is_asked(given: bool) -> None:
    """One question at a time, whatever time it takes; without anything private there is a race."""
    backends = pair(FakeBackend("slow", delay_s=0.05), FakeBackend("quick"))
    backends["local"] = FakeBackend("from here")
    questions = []

    def consent(question: ConsentQuestion) -> bool:
        questions.append(question.expert)
        time.sleep(0.05)
        return given

    experts = {"slow": FAR, "quick": NEAR, "local": LOCAL}
    settings = Config(experts=experts, hedge_after_s=0.01, privacy={"cloud": "ask"})  # type: ignore[arg-type]
    with EdgeRouter(settings, backends=backends, consent=consent) as router:
        first = router.complete("Write to ann@example.org", rule=RULE)
        assert first.record.answered_by == ("slow" if given else "local")
        assert questions == (["slow"] if given else ["slow", "quick"])
        assert router.complete("Why?", rule=RULE).record.hedge == "slow"


def test_a_local_expert_is_no_hedge() -> None:
    """It steps in when the remote one fails, as ever."""
    backends = {"slow": FakeBackend("x", delay_s=0.05), "local": FakeBackend()}
    with hedging(backends) as router:
        assert router.complete("Why?", rule=RULE).record.answered_by == "slow"
    assert asked(backends) == {"slow": 1, "local": 0}


def test_both_are_paid_for() -> None:
    """Each reserves its most; the one that lost is booked for what it read, the record has both."""
    dear = replace(FAR, input_usd_per_million=1000.0)
    backends = pair(FakeBackend("late", delay_s=FOREVER), FakeBackend("one two three"))
    config = Config(
        experts={"slow": dear, "quick": NEAR}, hedge_after_s=0.01, budget_usd=10.0
    )  # fmt: skip
    with EdgeRouter(config, backends=backends) as router:
        record = router.complete("Why is it so, and why not otherwise?", rule=RULE).record
        left = router.constraints().budget_left_usd
    assert record.cost_usd == pytest.approx(0.003 + 0.009)
    assert left == pytest.approx(10.0 - 0.012)


def test_a_second_one_that_is_not_paid_for_is_not_asked() -> None:
    """The first goes on alone."""
    backends = pair(FakeBackend("a b", delay_s=0.03), FakeBackend())
    with hedging(backends, budget_usd=0.52) as router:
        record = router.complete("Why?", rule=RULE).record
    assert (record.answered_by, record.hedge) == ("slow", None)
    assert asked(backends) == {"slow": 1, "quick": 0}


def test_the_limit_of_one_answer_holds_for_both_together() -> None:
    """What the first may cost at its most is not there for the second."""
    backends = pair(FakeBackend("a b", delay_s=0.03), FakeBackend())
    with hedging(backends, max_cost_usd=0.52) as router:
        assert router.complete("Why?", rule=RULE).record.answered_by == "slow"
    assert asked(backends) == {"slow": 1, "quick": 0}


def test_a_failure_of_one_leaves_it_to_the_other() -> None:
    """Before the second is asked, and after; of both, both are named."""
    down = BackendUnavailable("down")
    backends = pair(FakeBackend(error=down), FakeBackend("ok"))
    with hedging(backends, after_s=20.0) as router:
        record = router.complete("Why?", rule=RULE).record
    assert (record.answered_by, record.reason) == ("quick", "fallback")
    backends = pair(LateFailure(down), FakeBackend("ok", delay_s=0.1))
    with hedging(backends) as router:
        record = router.complete("Why?", rule=RULE).record
    assert (record.answered_by, record.failures) == ("quick", {"slow": "down"})
    backends = pair(LateFailure(down), FakeBackend(error=BackendUnavailable("out")))
    with (
        hedging(backends) as router,
        pytest.raises(AllBackendsFailed, match=r"(?=.*down)(?=.*out)"),
    ):
        router.complete("Why?", rule=RULE)
    assert asked(backends) == {"slow": 1, "quick": 1}


class LateFailure(FakeBackend):
    """Fails after a while."""

    def __init__(self, error: Any) -> None:
        super().__init__(error=None)
        self.late = error

    def stream(self, request: Any, *, deadline: Any) -> Any:
        self.requests.append(request)
        threading.Event().wait(0.05)
        raise self.late
        yield


def test_a_refusal_of_the_first_ends_the_query() -> None:
    """A wrong key is the user's to mend, whoever else was asked meanwhile."""
    backends = pair(LateFailure(BackendRejected("401")), FakeBackend(delay_s=FOREVER))
    with hedging(backends) as router, pytest.raises(BackendRejected, match="401"):
        router.complete("Why?", rule=RULE)


def test_a_winner_that_breaks_off_is_a_broken_answer() -> None:
    """As it would be without hedging."""
    broken = FakeBackend("a b c", error=BackendProtocolError("gone"), fail_after=2)
    backends = pair(FakeBackend(delay_s=FOREVER), broken)
    with hedging(backends) as router:
        stream = router.stream("Why?", rule=RULE)
        with pytest.raises(BackendProtocolError, match="gone"):
            list(stream)
    assert stream.record is not None
    assert (stream.record.ended, stream.record.answered_by) == ("broken", "quick")


def test_closing_ends_both() -> None:
    """From another thread, before anybody has begun; no thread is left behind."""
    backends = pair(FakeBackend(delay_s=FOREVER), FakeBackend(delay_s=FOREVER))
    with hedging(backends) as router:
        stream = router.stream("Why?", rule=RULE)
        threading.Timer(0.1, stream.close).start()
        assert list(stream) == []
        assert stream.record is not None
        assert stream.record.ended == "cancelled"
        other = router.stream("Why?", rule=RULE)
        threading.Timer(0.1, router.close).start()
        with pytest.raises(RouterClosed):
            list(other)
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"edge-router slow", "edge-router quick"}


def test_the_async_client_hedges_too() -> None:
    """It is the same code."""
    import asyncio

    backends = pair(FakeBackend(delay_s=FOREVER), FakeBackend("soon"))
    config = Config(experts={"slow": FAR, "quick": NEAR}, hedge_after_s=0.01)

    async def main() -> AnswerRecord:
        async with AsyncEdgeRouter(config, backends=backends) as router:
            return (await router.complete("Why?", rule=RULE)).record

    assert asyncio.run(main()).hedge == "slow"


def test_both_together_stay_within_the_limit_of_one_answer() -> None:
    """Also where both reserve at the same moment: the second has what the first one leaves."""
    backends = pair(FakeBackend(delay_s=FOREVER), FakeBackend(delay_s=FOREVER))
    with hedging(backends, after_s=0.0, budget_usd=5.0, max_cost_usd=1.0) as router:
        with router._budget._lock:  # both are on their way to it
            stream = router.stream("Why?", rule=RULE)
            reader = threading.Thread(target=list, args=(stream,))
            reader.start()
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                time.sleep(0.005)
        until = time.monotonic() + 5
        while not backends["slow"].requests and time.monotonic() < until:
            time.sleep(0.005)
        held = router._budget.committed_usd
        stream.close()
        reader.join(5)
    assert 0 < held <= 1.0


def test_a_person_who_is_asked_is_no_slow_server() -> None:
    """While one expert waits for consent, no other one is asked; what is not private is hedged."""
    questions: list[str] = []

    def consent(question: ConsentQuestion) -> bool:
        questions.append(question.expert)
        time.sleep(0.05)
        return True

    config = Config(
        experts={"slow": FAR, "quick": NEAR},
        hedge_after_s=0.01,
        privacy={"cloud": "ask"},  # type: ignore[arg-type]
    )
    backends = pair(FakeBackend("words", delay_s=0.05), FakeBackend(delay_s=FOREVER))
    with EdgeRouter(config, backends=backends, consent=consent) as router:
        router.complete("Write to ann.smith@clinic.org.", rule=RULE)
        assert (questions, asked(backends)) == (["slow"], {"slow": 1, "quick": 0})
        assert router.complete("Why?", rule=RULE).record.hedge == "quick"
