"""Money: reserved before, settled after, never overshot."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router import ChatRequest, Config, Constraints, EdgeRouter, Placement, Router
from edge_router.chat.completion import ChatChunk, Usage
from edge_router.errors import (
    BackendProtocolError,
    BackendUnavailable,
    CostLimitReached,
    EdgeRouterError,
    NoExpertFits,
)
from edge_router.layers.budget import Budget, Reservation
from edge_router.layers.worst_case import most_input_tokens
from edge_router.routing.experts.expert import Expert, Pricing
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

ASKED = ChatRequest.of("What is a fair price for a bicycle?")
DOLLAR = Pricing(0.0, 1e6)  # a token of the answer


def expert(pricing: Pricing | None = DOLLAR) -> Expert:
    """The frontier profile with another price."""
    return replace(Router.bundled().profiles["frontier"], name="big", pricing=pricing)


def reserve(
    budget: Budget, *, max_tokens: int = 100, pricing: Pricing | None = DOLLAR, **how: float
) -> Reservation:
    """Room for one answer that is expected to have ten tokens."""
    request = replace(ASKED, max_tokens=max_tokens)
    return budget.reserve(expert(pricing), request, expected_tokens=10, expected_s=1.0, **how)


def test_the_worst_case_is_reserved_and_what_it_cost_is_booked() -> None:
    """A hundred dollars are held back, seven are spent."""
    budget = Budget(250.0)
    room = reserve(budget)
    assert (room.usd, room.max_tokens, budget.left_usd) == (100.0, 100, 150.0)
    room.settle(7.0)
    room.settle(7.0)
    assert (budget.left_usd, budget.spent_usd) == (243.0, 7.0)


def test_the_answer_is_as_long_as_the_limit_pays_for() -> None:
    """Of a hundred tokens the budget pays forty, the limit on one answer thirty."""
    assert reserve(Budget(40.0)).max_tokens == 40
    assert reserve(Budget(40.0), max_cost_usd=30.0).max_tokens == 30
    assert reserve(Budget(), max_cost_usd=30.0).max_tokens == 30
    assert reserve(Budget()).max_tokens is None


@pytest.mark.parametrize(
    ("usd", "max_cost_usd", "pricing", "limit"),
    [(5.0, None, DOLLAR, "budget"), (50.0, 5.0, DOLLAR, "max_cost"),
     (50.0, None, None, "price_unknown"), (5.0, None, Pricing(1e6, 0.0), "budget")],
)  # fmt: skip
def test_who_is_not_paid_for_is_not_asked(
    usd: float, max_cost_usd: float | None, pricing: Pricing | None, limit: str
) -> None:
    """The message names what is left and what it may cost; the code is that of the decision."""
    budget = Budget(usd)
    with pytest.raises(CostLimitReached, match="big was not asked") as caught:
        reserve(budget, pricing=pricing, max_cost_usd=max_cost_usd)
    assert caught.value.limit == limit
    assert budget.left_usd == usd


@settings(max_examples=40)
@given(
    usd=st.floats(0, 1000), price=st.floats(0.01, 1e4), wanted=st.integers(1, 2000),
    calls=st.integers(1, 20),
)  # fmt: skip
def test_reservations_never_exceed_the_budget(
    usd: float, price: float, wanted: int, calls: int
) -> None:
    """However many calls at once, whatever the price."""
    budget, someone = Budget(usd), Expert("e", "1b", *_rest(Pricing(0.0, price * 1e3)))
    request = replace(ASKED, max_tokens=wanted)
    for _ in range(calls):
        try:
            budget.reserve(someone, request, expected_tokens=1, expected_s=0.0)
        except CostLimitReached:
            break
    assert budget.committed_usd <= usd * (1 + 1e-9)


def _rest(pricing: Pricing) -> tuple[object, ...]:
    like = Router.bundled().profiles["1b"]
    return like.location, like.head, like.speed, pricing


def test_input_counts_at_its_most() -> None:
    """Three bytes a token: as many as Chinese has, more than English."""
    assert most_input_tokens(ChatRequest.of("abc" * 100)) == 108
    assert most_input_tokens(ChatRequest.of("\u4f60\u597d")) == 10


BIG = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1",
    input_usd_per_million=0.0, output_usd_per_million=1_000.0,
)  # fmt: skip


def paid(text: str = "word " * 100, **how: object) -> tuple[EdgeRouter, FakeBackend]:
    """A cloud at ten cents an answer, a budget of one dollar."""
    backend = FakeBackend(text.strip(), **how)  # type: ignore[arg-type]
    config = Config(experts={"big": BIG}, placement=Placement.ONLY_IN_CLOUD, budget_usd=1.0)
    return EdgeRouter(config, backends={"big": backend}), backend


def test_sixty_four_threads_stay_within_a_dollar() -> None:
    """The check and the booking are one step."""
    router, _ = paid(delay_s=0.0005)

    def ask(_: int) -> float:
        try:
            return router.complete("What is a fair price?").record.cost_usd or 0.0
        except NoExpertFits:
            return 0.0

    with ThreadPoolExecutor(64) as pool:
        costs = list(pool.map(ask, range(64)))
    assert 0 < sum(costs) <= 1.0
    assert router.constraints().budget_left_usd == pytest.approx(1.0 - sum(costs))


@pytest.mark.parametrize("broken", [False, True])
def test_cancelled_and_broken_answers_are_booked(broken: bool) -> None:
    """Thirty answers of thirty words each: within a tenth of what the expert wrote."""
    how = {"error": BackendProtocolError("gone"), "fail_after": 30} if broken else {}
    router, backend = paid(**how)
    for _ in range(30):
        with router.stream("What is the capital of France?") as stream:
            try:
                for number, _ in enumerate(stream, 1):
                    if number == 30:
                        break
                if broken:
                    next(stream)
            except BackendProtocolError:
                pass
    assert len(backend.requests) == 30
    spent = 1.0 - (router.constraints().budget_left_usd or 0.0)
    assert spent == pytest.approx(30 * 30 * 0.001, rel=0.1)


@pytest.mark.parametrize("how", ["fails", "breaks", "is cancelled"])
def test_thoughts_are_paid_for_before_the_first_word(how: str) -> None:
    """A server charges for what a model thought, whether or not an answer followed."""
    error = {"fails": BackendUnavailable("gone"), "breaks": BackendProtocolError("gone")}.get(how)
    backend = FakeBackend("So.", reasoning_content="hm " * 1_000, error=error)
    config = Config(experts={"cloud": CLOUD}, budget_usd=1.0)
    with EdgeRouter(config, backends={"cloud": backend}) as router:
        stream = router.stream("Why?")
        with suppress(EdgeRouterError):
            for number, _ in enumerate(stream, 1):
                if how == "is cancelled" and number == 1_000:
                    stream.close()
        budget = router._budget
    assert budget.spent_usd == budget.committed_usd > CLOUD.output_usd_per_million * 900 / 1e6


def test_a_failed_call_gives_its_reservation_back() -> None:
    """Nothing was received, so nothing is spent."""
    router, _ = paid(error=BackendUnavailable("down"))
    for _ in range(20):
        with pytest.raises(EdgeRouterError, match="down"):
            router.complete("Why?")
    assert router.constraints().budget_left_usd == 1.0


def test_without_any_limit_no_money_is_counted() -> None:
    """The record has the cost; a budget that nobody has set books nothing."""
    config = Config(experts={"big": BIG}, placement=Placement.ONLY_IN_CLOUD)
    router = EdgeRouter(config, backends={"big": FakeBackend("word word")})
    assert router.complete("Hello?").record.cost_usd == pytest.approx(0.002)
    assert router._budget.committed_usd == 0.0
    assert router.constraints().budget_left_usd is None


def test_a_limit_on_one_answer_shortens_it_and_says_so() -> None:
    """A cent pays for ten tokens, which is the request's limit then."""
    backend = FakeBackend("ok")
    config = Config(experts={"big": BIG}, placement=Placement.ONLY_IN_CLOUD)
    router = EdgeRouter(config, backends={"big": backend})
    answer = router.complete("Say ok.", constraints=Constraints(max_cost_usd=0.05))
    assert backend.requests[0].max_tokens == answer.record.max_tokens == 50
    assert answer.record.cost_limited


def test_a_limit_that_does_not_pay_leaves_the_local_expert() -> None:
    """The cloud's input alone costs more."""
    cloud = FakeBackend("from the cloud")
    experts = {"local": LOCAL, "cloud": replace(CLOUD, input_usd_per_million=1e5)}
    config = Config(experts=experts, min_gain=-1.0, max_cost_usd=1.0)
    router = EdgeRouter(config, backends={"local": FakeBackend("from here"), "cloud": cloud})
    assert router.complete("word " * 200).text == "from here"
    assert cloud.requests == []


class Counting(FakeBackend):
    """Says how many tokens it wrote, whatever is true."""

    told = 0

    def stream(self, *args: object, **how: object) -> Iterator[ChatChunk]:  # type: ignore[override]
        for chunk in super().stream(*args, **how):  # type: ignore[arg-type]
            yield replace(chunk, usage=chunk.usage and Usage(0, self.told))


@pytest.mark.parametrize("told", [0, 1, 10**12])
def test_a_count_that_cannot_be_is_not_believed(told: int) -> None:
    """A hundred words came, a hundred are booked."""
    backend = Counting(("word " * 100).strip())
    backend.told = told
    config = Config(experts={"big": BIG}, placement=Placement.ONLY_IN_CLOUD, budget_usd=1.0)
    router = EdgeRouter(config, backends={"big": backend})
    assert router.complete("Tell a story.").record.cost_usd == pytest.approx(0.1, rel=0.1)


def test_an_expert_that_ignores_its_limit_is_cut_off() -> None:
    """The reservation was for fifty tokens; an answer of a thousand ends soon after them."""
    config = Config(experts={"big": BIG}, placement=Placement.ONLY_IN_CLOUD, max_cost_usd=0.05)
    router = EdgeRouter(config, backends={"big": FakeBackend("word " * 1000)})
    answer = router.complete("What is the capital of France?")
    assert answer.finish_reason == "length"
    assert answer.record.cost_usd is not None
    assert answer.record.cost_usd < 0.08
