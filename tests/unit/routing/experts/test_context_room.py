"""Whether a text fits a context: by its tokens if they can be counted, else by its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router import Config, Reason, Router
from edge_router.errors import NoExpertFits
from edge_router.routing.deciding.decision import Snapshot
from edge_router.routing.experts.context_room import least_tokens, likely_tokens
from edge_router.settings.constraints import Constraints
from edge_router.settings.expert_config import ExpertConfig

CLOUD = ExpertConfig("openai", "m", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1")
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
OFFLINE = Constraints(offline=True)
PROSE = "The ship left the harbour early in the morning, before anyone had heard the bad news. "
CJK, EMOJI, DIGITS = "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002", "\U0001f600", "3141592653"


@pytest.fixture(scope="module")
def router() -> Router:
    """One expert here, another one in the cloud."""
    return Router.from_config(Config(experts={"local": LOCAL, "cloud": CLOUD}))


def test_what_may_fit_is_not_refused_where_nobody_else_may_answer(router: Router) -> None:
    """9,000 characters of prose are about 1,900 tokens: with the cloud at hand it is asked."""
    text = PROSE * 105
    assert 8192 < len(text) < 12_288
    assert router.route(text, OFFLINE).expert == "local"
    assert router.route(text).excluded == {"local": Reason.CONTEXT_LENGTH}


@pytest.mark.parametrize(
    "text", [CJK * 900, EMOJI * 4000, DIGITS * 500], ids=["CJK", "emoji", "pi"]
)
def test_few_characters_may_be_many_tokens(router: Router, text: str) -> None:
    """Each digit is a token for small models, and what is not ASCII takes more of them."""
    assert len(text) < 8192
    assert router.route(text).excluded == {"local": Reason.CONTEXT_LENGTH}


def test_what_surely_does_not_fit_is_refused(router: Router) -> None:
    """No tokenizer makes so few tokens of it."""
    for text in (PROSE * 200, CJK * 2000, EMOJI * 9000):
        with pytest.raises(NoExpertFits, match="context"):
            router.route(text, OFFLINE)


def test_counted_tokens_decide_alone(router: Router) -> None:
    """Whatever the text looks like: one that fits is let in, one that does not is ruled out."""
    long, short = PROSE * 200, PROSE
    fits = router.route(long, None, Snapshot(tokens={"local": 2047}))
    assert "local" not in fits.excluded
    full = router.route(short, None, Snapshot(tokens={"local": 2048}))
    assert full.excluded == {"local": Reason.CONTEXT_LENGTH}
    with pytest.raises(NoExpertFits, match="context"):
        router.route(short, OFFLINE, Snapshot(tokens={"local": 6420}))


def test_a_doubt_of_the_device_does_not_hide_the_length(router: Router) -> None:
    """Of two reasons, the permanent one."""
    found = router.route(PROSE * 105, None, Snapshot(doubts={"local": Reason.MEMORY}))
    assert found.excluded == {"local": Reason.CONTEXT_LENGTH}


def test_counted_tokens_are_in_the_explanation(router: Router) -> None:
    """What would have changed it speaks of what was counted."""
    found = router.route("Hello!", None, Snapshot(tokens={"local": 3000}))
    told = [change.words for change in router.explain(found).changes if change.expert == "local"]
    assert any("at most 2047 tokens instead of 3000" in words for words in told), told


@given(st.lists(st.text(), max_size=3), st.integers(0, 10**6))
def test_the_least_is_never_more_than_the_likely(texts: list[str], enough: int) -> None:
    """Both grow with the text."""
    least, likely = least_tokens(texts, enough=enough), likely_tokens(texts)
    assert 0 <= least <= likely + 1
    assert likely_tokens([*texts, "more"]) >= likely


def test_blanks_weigh_nothing() -> None:
    """A run of blanks is one token or a few."""
    assert least_tokens(["x" + " " * 60_000], enough=2048) < 10
