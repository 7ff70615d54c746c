"""Queries that need live data or a device, as an artifact with such a head tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_artifact import change_json, copy_of_shipped

from edge_router import Config, ConfigError
from edge_router.errors import ArtifactCorrupt
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.router import Router
from made_experts import CLOUD, LOCAL

EXPERTS = {"local": LOCAL, "cloud": CLOUD}
QUERY = "What is the weather in Oslo right now?"


def with_head(folder: Path, bias: float, dim: int | None = None) -> Path:
    """The shipped artifact with a head that says the same of every query."""
    path = copy_of_shipped(folder)
    weights = dim or RouterArtifact.load(path).manifest.representation_dim

    def add(experts: dict[str, Any]) -> None:
        experts["needs_tools"] = {"bias": bias, "weights": [0.0] * weights}

    change_json(path, "experts.json", add)
    return path


def settings(path: Path | str, **changes: Any) -> Config:
    """At a price at which the dearer expert is asked whatever it gains."""
    return Config(artifact=str(path), experts=EXPERTS, min_gain=-1.0).with_changes(**changes)


def test_the_cheapest_answers_what_no_model_can_know(tmp_path: Path) -> None:
    """Since it costs nothing to be told so; the probability is in the decision."""
    found = Router.from_config(settings(with_head(tmp_path / "made", 1.0))).route(QUERY)
    assert (found.expert, found.reason) == ("local", Reason.NEEDS_TOOLS)
    assert found.needs_tools == pytest.approx(0.731, abs=0.001)
    assert found.to_json()["needs_tools"] == found.needs_tools
    assert found.grounds is not None
    assert found.grounds.query is not None
    assert found.grounds.query.needs_tools == found.needs_tools


def test_one_may_ask_as_usual(tmp_path: Path) -> None:
    """By a setting; the probability is still told."""
    config = settings(with_head(tmp_path / "made", 1.0), needs_tools="as_usual")
    found = Router.from_config(config).route(QUERY)
    assert (found.expert, found.reason) == ("cloud", Reason.GAIN_IS_WORTH_IT)
    assert found.needs_tools == pytest.approx(0.731, abs=0.001)


def test_it_begins_at_one_half(tmp_path: Path) -> None:
    """Not below."""
    even = Router.from_config(settings(with_head(tmp_path / "even", 0.0))).route(QUERY)
    assert (even.expert, even.needs_tools) == ("local", 0.5)
    below = Router.from_config(settings(with_head(tmp_path / "below", -0.001))).route(QUERY)
    assert below.expert == "cloud"


def test_it_goes_before_a_preference(tmp_path: Path) -> None:
    """The best answer is no better than the cheapest there."""
    config = settings(with_head(tmp_path / "made", 1.0), preference="performance")
    found = Router.from_config(config).route(QUERY)
    assert (found.expert, found.reason, found.preference) == ("local", "needs_tools", "performance")


def test_an_explanation_tells_how_it_would_have_been_otherwise(tmp_path: Path) -> None:
    """The setting first; at that price nothing more is needed. No price turns it."""
    router = Router.from_config(settings(with_head(tmp_path / "made", 1.0)))
    found = router.explain(router.route(QUERY))
    assert [change.words for change in found.changes] == [
        "with needs_tools as_usual instead of cheapest, cloud would answer"
    ]
    assert (found.turns, found.price) == ((), -1.0)
    assert found.needs_tools == pytest.approx(0.731, abs=0.001)
    dear = Router.from_config(settings(router.artifact.path, min_gain=1.0))
    (change,) = dear.explain(dear.route(QUERY)).changes
    assert [step.setting for step in change.steps] == ["needs_tools", "min_gain"]


def test_an_artifact_without_that_head_says_nothing(tmp_path: Path) -> None:
    """As those made before there was one."""
    path = copy_of_shipped(tmp_path / "made")
    change_json(path, "experts.json", lambda experts: experts.pop("needs_tools"))
    assert Router.from_config(settings(path)).route(QUERY).needs_tools is None


@pytest.mark.parametrize(
    ("query", "needs"),
    [
        (QUERY, True),
        ("turn off the kitchen light", True),
        ("What is the capital of France?", False),
        ("Write a short poem about rain.", False),
    ],
)
def test_the_shipped_artifact_tells_what_needs_tools(query: str, needs: bool) -> None:
    """Live data and devices."""
    decision = Router.from_config(settings("router-small")).route(query)
    assert decision.needs_tools is not None
    assert (decision.needs_tools >= 0.5) == needs


def test_a_head_of_another_length_is_refused(tmp_path: Path) -> None:
    """As any other head."""
    with pytest.raises(ArtifactCorrupt, match=r"needs_tools\.weights of 3"):
        RouterArtifact.load(with_head(tmp_path / "made", 1.0, dim=3))


def test_the_setting_is_one_of_two() -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigError, match=r"needs_tools = 'never' .* cheapest, as_usual"):
        Config.load(needs_tools="never")
