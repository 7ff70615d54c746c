"""The pace of requests to an expert."""

from __future__ import annotations

import pytest

from edge_router.settings.expert_config import ExpertConfig

pytest.importorskip("edge_router.export.collecting.pace", reason="the extra `export`")

from edge_router.export.collecting.open_experts import asked_experts
from edge_router.export.collecting.pace import Pace


def test_requests_stand_evenly_apart() -> None:
    """The first one too, as a run may have been killed a moment ago; each call takes a place."""
    pace = Pace(600)
    waits = [pace.pause() for _ in range(5)]
    assert waits == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5], abs=0.02)


def test_without_a_limit_nothing_waits() -> None:
    """Neither the first nor any later request."""
    assert [Pace().pause() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_the_stated_rate_of_an_expert_is_its_pace() -> None:
    """`requests_per_minute` in its settings; 6 a minute are ten seconds apart."""
    expert = ExpertConfig(
        "openai", "m", "8b", base_url="http://127.0.0.1:1/v1", requests_per_minute=6
    )
    with asked_experts({"a": expert}, None, parallel=1, costs=False) as (asked,):
        assert asked.pace.pause() == pytest.approx(10.0, abs=0.1)
