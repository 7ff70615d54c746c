"""The study of the latency model: which texts it asks, what it compares and how it sums up."""

from __future__ import annotations

import pytest

from edge_router.errors import ConfigError
from edge_router.export.studies.latency import Compared, asked_texts, latency_study, summary
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("openai", "small", "135m", base_url="http://127.0.0.1:9/v1")
CLOUD = ExpertConfig("openai", "big", "70b", location="cloud", base_url="http://127.0.0.1:9/v1")
CONFIG = Config(experts={"local": LOCAL, "cloud": CLOUD})


def test_the_texts_go_from_ten_to_fifteen_hundred_tokens() -> None:
    """At four characters a token; none is the beginning of another, and a seed repeats them."""
    texts = asked_texts(40)
    sizes = sorted(len(text) // 4 for text in texts)
    assert (sizes[0], sizes[-1]) == (pytest.approx(10, abs=1), pytest.approx(1500, abs=1))
    assert sizes[20] == pytest.approx(122, rel=0.2)
    assert asked_texts(40) == texts != asked_texts(40, seed=1)
    assert max(len(text) for text in asked_texts(3, longest=20)) <= 80


def test_each_answer_is_compared_with_what_was_expected_before_it() -> None:
    """Only the local expert is asked, once to load and then for every text; all values are sane."""
    local = FakeBackend("one two three")
    result = latency_study(
        CONFIG, ["A?", "B?", "C?"], expert="local", max_tokens=8, backends={"local": local}
    )
    assert len(local.requests) == 4
    assert [c.output_tokens for c in result] == [3, 3, 3]
    assert all(min(c.real_s, c.expected_s, c.model_s) > 0 for c in result)
    assert result[0].expected_s > result[-1].expected_s  # the fake is faster than its profile


def test_an_expert_that_is_not_here_is_refused() -> None:
    """The local ones are named."""
    with pytest.raises(ConfigError, match=r"'cloud' on this device; there are local"):
        latency_study(CONFIG, [], expert="cloud", max_tokens=8)


def test_errors_are_medians_and_the_load_has_its_own() -> None:
    """Under load the first ten answers are apart: within them the model may learn."""

    def compared(model: float) -> Compared:
        return Compared(10, 10, real_s=2.0, expected_s=1.0, model_s=model)

    result = [compared(2.0)] * 15 + [compared(1.0)] * 10 + [compared(1.8)] * 5
    assert summary(result, busy=False)["all"] == {
        "answers": 30,
        "model": pytest.approx(0.05),
        "end to end": 0.5,
    }
    busy = summary(result, busy=True)
    assert [part["answers"] for part in busy.values()] == [15, 10, 5]
    assert [part["model"] for part in busy.values()] == pytest.approx([0.0, 0.5, 0.1])
