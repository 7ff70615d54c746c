"""Router: a request in, a decision out, with the shipped artifact."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from edge_router import ChatRequest, Config, ConfigError, Message
from edge_router.errors import InvalidRequest, NoExpertFits
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import PROFILES
from edge_router.routing.router import Router
from edge_router.settings.constraints import Constraints, Placement
from edge_router.settings.expert_config import ExpertConfig

CLOUD = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1"
)
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
EASY = "What is the capital of France?"
HARD = (
    "A chain of length 3 m and mass 2 kg hangs over a frictionless table edge with a third of its "
    "length over the edge. How fast does it move when its end leaves the table?"
)


@pytest.fixture(scope="module")
def router() -> Router:
    """SmolLM2 here and a frontier model in the cloud; neither is called."""
    return Router.from_config(Config(experts={"local": LOCAL, "cloud": CLOUD}))


def test_an_easy_question_stays_and_a_hard_one_goes(router: Router) -> None:
    """The whole point, at the default operating point."""
    assert router.route(EASY).expert == "local"
    assert router.route(HARD).expert == "cloud"


def test_the_bundled_router_estimates_all_six_profiles() -> None:
    """Quality is a probability and grows from the smallest to the largest profile."""
    found = Router.bundled().estimate(HARD)
    assert tuple(found) == PROFILES
    assert all(0 <= estimate.quality <= 1 for estimate in found.values())
    assert found["135m"].quality < found["8b"].quality < found["frontier"].quality
    assert found["135m"].cost_usd == 0 < (found["frontier"].cost_usd or 0)


def test_the_bundled_router_decides_without_configuration() -> None:
    """It chooses among its own profiles."""
    assert Router.bundled().route(EASY).expert in PROFILES
    assert Router.bundled().route("word " * 2_000_000).location == "cloud"


def test_without_a_cloud_expert_it_says_that_one_was_wanted() -> None:
    """Never a silent switch."""
    decision = Router.from_config(Config(experts={"local": LOCAL})).route(HARD)
    assert decision.expert == "local"
    assert decision.wanted == "frontier"
    assert decision.reason is Reason.NOT_CONFIGURED
    assert "no such expert is configured" in decision.words


def test_an_expert_of_the_users_may_have_a_profile_s_name() -> None:
    """The reference then gets another name and excludes no expert."""
    decision = Router.from_config(Config(experts={"frontier": LOCAL})).route(HARD)
    assert (decision.expert, decision.wanted) == ("frontier", "frontier profile")


def test_only_on_device_wins_over_any_estimate(router: Router) -> None:
    """Nothing leaves, and the decision names the expert that was wanted."""
    decision = router.route(HARD, Constraints(placement=Placement.ONLY_ON_DEVICE))
    assert (decision.expert, decision.order) == ("local", ("local",))
    assert decision.reason is Reason.ONLY_ON_DEVICE


@pytest.mark.parametrize("prompt", ["", "   \n", [], [{"role": "system", "content": "x"}]])
def test_nothing_to_route_is_refused(router: Router, prompt: object) -> None:
    """Empty text and a conversation without a user."""
    with pytest.raises(InvalidRequest, match="empty"):
        router.route(prompt)  # type: ignore[arg-type]


def test_raw_bytes_in_a_text_are_refused(router: Router) -> None:
    """What is not UTF-8 gets a message with the fix."""
    with pytest.raises(InvalidRequest, match="errors='replace'"):
        router.route("caf\udce9")


def test_only_emoji_is_a_query_like_any_other(router: Router) -> None:
    """It gets a decision."""
    assert router.route("🙂🙃🙂").expert in ("local", "cloud")


def test_ten_megabytes_go_where_they_fit(router: Router) -> None:
    """A text beyond the local context goes to the cloud, or nowhere."""
    text = "word " * 2_000_000
    decision = router.route(text)
    assert (decision.expert, decision.excluded["local"]) == ("cloud", Reason.CONTEXT_LENGTH)
    with pytest.raises(NoExpertFits, match="context") as caught:
        router.route(text, Constraints(offline=True))
    assert caught.value.excluded == {"local": "context_length", "cloud": "offline"}


def test_ten_megabytes_are_cut_before_they_are_read(router: Router) -> None:
    """Its input for the encoder is as short as that of a text of two thousand characters."""
    long, normal = "word " * 2_000_000, "word " * 400

    def best(text: str) -> float:
        return min(_seconds(router, text) for _ in range(5))

    assert best(long) < 10 * best(normal)


def _seconds(router: Router, text: str) -> float:
    start = time.perf_counter()
    router.route(text)
    return time.perf_counter() - start


def test_a_long_history_counts_by_its_last_turn(router: Router) -> None:
    """Of 300 turns only the last decides, and older ones may be dropped to fit."""
    turns = [Message("user" if n % 2 == 0 else "assistant", f"turn {n} " * 30) for n in range(300)]
    last = Message("user", HARD)
    assert router.route([*turns, last]).wanted == router.route([last]).wanted
    assert "local" not in router.route([*turns, Message("user", EASY)]).excluded


def test_threads_decide_alike(router: Router) -> None:
    """The same decisions one by one and in eight threads."""
    queries = [EASY, HARD, "Hello!", "Write a poem about rain."] * 6
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(router.route, queries)) == [router.route(q) for q in queries]


def test_a_longer_limit_costs_more(router: Router) -> None:
    """The estimate follows max_tokens, the decision's input does not."""
    short = ChatRequest((Message("user", HARD),), max_tokens=1)
    assert router.estimate(short)["cloud"].latency_s < router.estimate(HARD)["cloud"].latency_s


def test_an_unknown_operating_point_is_refused_with_the_known_ones() -> None:
    """And so is an unknown profile."""
    with pytest.raises(ConfigError, match=r"'best'.*balanced"):
        Router.from_config(Config(operating_point="best"))
    strange = ExpertConfig("openai", "m", "900b", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ConfigError, match=r"'900b'.*frontier"):
        Router.from_config(Config(experts={"x": strange}))


def test_a_stated_gain_replaces_the_operating_point() -> None:
    """A gain of -1 sends everything to the dearest expert, +1 nothing."""
    experts = {"local": LOCAL, "cloud": CLOUD}
    always = Router.from_config(Config(experts=experts, min_gain=-1.0))
    never = Router.from_config(Config(experts=experts, min_gain=1.0))
    assert always.route(EASY).expert == "cloud"
    assert never.route(HARD).expert == "local"


@pytest.mark.parametrize(
    "stated", [{"usd_per_second": math.nan}, {"usd_per_second": -1.0}, {"needs_tools": "never"}]
)
def test_a_router_refuses_what_the_settings_refuse(router: Router, stated: Any) -> None:
    """Rather than deciding by it."""
    with pytest.raises(ConfigError, match=f"{next(iter(stated))} = .* in the router must be"):
        Router(router.artifact, router.experts, point=router.point, **stated)
