"""The cache of decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.agents.cache import DecisionCache, normalised
from edge_router.agents.decision import AgentDecision, AgentReason
from edge_router.errors import InvalidAgent
from made_agents import WordEmbedder

FOUND = AgentDecision("weather", AgentReason.SIMILARITY, arguments={"city": "Rome"})
ONE = np.array([1, 0], dtype=np.float32)
NEAR = np.array([0.96, 0.28], dtype=np.float32)


def test_a_request_is_normalised() -> None:
    """Case, blanks, punctuation at edges, abbreviations, curly apostrophes."""
    assert normalised("  What\u2019s  the WEATHER, pls?") == "what is the weather please"


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """A key is its own key."""
    assert normalised(normalised(text)) == normalised(text)


def test_hits_are_of_one_context() -> None:
    """Another version of the catalogue or another state asks anew."""
    cache = DecisionCache(threshold=0.95)
    cache.keep("rain", ONE, ("v1",), FOUND)
    assert cache.exact("Rain!", ("v1",)) is not None
    assert cache.exact("rain", ("v2",)) is None
    assert cache.semantic(NEAR, ("v2",)) is None


def test_a_semantic_hit_passes_no_arguments_on() -> None:
    """They were of other words."""
    cache = DecisionCache(threshold=0.95)
    cache.keep("rain in Rome", ONE, (), FOUND)
    hit = cache.semantic(NEAR, ())
    assert hit is not None
    assert (hit.agent, hit.arguments, hit.cached) == ("weather", None, "semantic")
    assert DecisionCache().semantic(ONE, ()) is None
    assert cache.hits == {"exact": 0, "semantic": 1, "": 0}


def test_the_oldest_go() -> None:
    """A hit makes an entry young again."""
    cache = DecisionCache(capacity=2)
    for text in ("a", "b"):
        cache.keep(text, ONE, (), FOUND)
    cache.exact("a", ())
    cache.keep("c", ONE, (), FOUND)
    assert [bool(cache.exact(text, ())) for text in "abc"] == [True, False, True]


def test_a_cache_without_room_is_refused() -> None:
    """And one without a threshold."""
    with pytest.raises(InvalidAgent):
        DecisionCache(capacity=0)
    with pytest.raises(InvalidAgent):
        DecisionCache(threshold=0)


def test_arguments_are_those_of_the_very_same_text() -> None:
    """A request that differs in the case of a letter may mean another value."""
    cache = DecisionCache()
    cache.keep("Note README", ONE, (), FOUND)
    same, other = cache.exact("Note README", ()), cache.exact("note readme", ())
    assert same is not None
    assert same.arguments == FOUND.arguments
    assert other is not None
    assert (other.agent, other.arguments) == ("weather", None)


def test_a_semantic_hit_led_to_the_same_state() -> None:
    """One word can make a rule apply, and changes an embedding little."""
    cache = DecisionCache(threshold=0.95)
    cache.keep("rain in Rome", ONE, (), FOUND)
    assert cache.semantic(NEAR, (), ("TRAVEL",)) is None
    assert cache.semantic(NEAR, (), ()) is not None


def test_the_threshold_is_calibrated_on_labelled_requests() -> None:
    """Paraphrases mean the same down to it; too few requests prove none."""
    rows = [(f"will it rain in town{n} {extra}", "weather") for n in range(60) for extra in "ab"]
    rows += [(f"word{n} thing{n} number{n}", None if n % 2 else "timer") for n in range(60)]
    cache = DecisionCache()
    cache.keep("rain", ONE, (), FOUND)
    threshold = cache.calibrate(WordEmbedder(), rows)
    assert 0.5 < threshold <= 1
    assert cache.threshold == threshold
    assert cache.exact("rain", ()) is None
    assert cache.calibrate(WordEmbedder(), rows[:3]) > 1
    assert cache.calibrate(WordEmbedder(), []) > 1
    with pytest.raises(InvalidAgent, match="wrong is 1"):
        cache.calibrate(WordEmbedder(), rows, wrong=1)
