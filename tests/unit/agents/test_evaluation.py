"""Figures on labelled requests, and the threshold that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.agents.evaluation import evaluated
from edge_router.agents.ranking.abstention import Abstention
from edge_router.agents.router import AgentRouter
from edge_router.agents.stored_threshold import keep_threshold, stored_threshold
from edge_router.errors import CatalogError
from made_agents import FLIGHTS, TIMER, WEATHER, WordEmbedder

ROWS = [
    ("rain forecast", "weather"),
    ("a plane to Rome", "book_flight"),
    ("alarm clock", "weather"),
    ("quantum lecture", None),
]


def test_figures_count_what_they_say() -> None:
    """Two of three in scope are right, and the request out of scope is turned away."""
    router = AgentRouter(AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS, TIMER]))
    facts = evaluated(router, ROWS)
    assert facts["accuracy_without_abstention"] == pytest.approx(2 / 3)
    assert facts["accuracy_in_scope"] == pytest.approx(2 / 3)
    assert (facts["false_alarms"], facts["out_of_scope_recall"]) == (0.0, 1.0)
    assert evaluated(router, ROWS[:1])["out_of_scope_recall"] is None


def test_calibration_turns_away_as_many_as_stated() -> None:
    """Of a hundred requests in scope, three at most."""
    router = AgentRouter(AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS, TIMER]))
    rows = [(f"rain word{n}", "weather") for n in range(100)]
    assert evaluated(router, rows, calibrate=True)["false_alarms"] <= 0.03


def test_a_threshold_is_kept_for_its_encoder_and_its_scores(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another encoder, or scores without the head, do not take it; of the first, a warning."""
    kept = Abstention(2.5, 1.0, -2.0)
    keep_threshold(tmp_path, kept, encoder="one", head=True)
    assert stored_threshold(tmp_path, encoder="one", head=True) == kept
    assert stored_threshold(tmp_path, encoder="other", head=True) is None
    assert "calibrate again: edge-router agents eval" in caplog.text
    assert stored_threshold(tmp_path, encoder="one", head=False) is None
    assert stored_threshold(tmp_path / "nowhere", encoder="one", head=True) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"encoder": "one", "head": true}'])
def test_a_damaged_threshold_is_a_typed_error(tmp_path: Path, content: str) -> None:
    """The message says how to make it anew."""
    path = keep_threshold(tmp_path, Abstention(1.0), encoder="one", head=True)
    path.write_text(content)
    with pytest.raises(CatalogError, match="calibrate again"):
        stored_threshold(tmp_path, encoder="one", head=True)


def test_a_misspelt_agent_is_said() -> None:
    """It can only be missed, and so can a disabled one."""
    catalog = AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS])
    catalog.disable("book_flight")
    rows = [("rain", "weather"), ("rain", "wether"), ("a flight", "book_flight"), ("poem", None)]
    facts = evaluated(AgentRouter(catalog), rows)
    assert facts["not_enabled"] == ["book_flight", "wether"]
