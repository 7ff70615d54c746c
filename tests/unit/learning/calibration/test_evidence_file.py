"""Evidence from a user's own outcome rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import OutcomesUnusable
from edge_router.learning.calibration.evidence_file import from_file
from edge_router.routing.router import Router
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

CLOUD = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1"
)
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.from_config(Config(experts={"local": LOCAL, "cloud": CLOUD}))


def written(path: Path, *rows: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_an_empty_file_is_refused(router: Router, tmp_path: Path) -> None:
    """With what a row is."""
    (tmp_path / "rows.jsonl").touch()
    with pytest.raises(OutcomesUnusable, match=r"rows\.jsonl is empty"):
        from_file(router, *router.experts, tmp_path / "rows.jsonl")


def test_evidence_has_the_rows_of_both_experts(router: Router, tmp_path: Path) -> None:
    """By name or by profile; costs and latencies as measured where every row has them."""
    measured = {
        "cost_usd": {"local": 0, "frontier": 0.01},
        "latency_s": {"local": 1.5, "frontier": 3},
    }
    path = written(
        tmp_path / "rows.jsonl",
        {"query": "Hi?", "score": {"local": 1, "frontier": 0.5}, "source": "mine", **measured},
        {"query": "And you?", "score": {"local": 1}},
        {
            "messages": [{"role": "user", "content": "Why is the sky blue?"}],
            "score": {"local": 0, "frontier": 1},
            "task": "physics",
            **measured,
        },
    )
    found = from_file(router, *router.experts, path)
    assert len(found) == 2
    assert found.weak.scores.tolist() == [1, 0]
    assert found.strong.scores.tolist() == [0.5, 1]
    assert found.costs_measured
    assert found.latencies_measured
    assert found.strong.cost_usd is not None
    assert found.strong.cost_usd.tolist() == [0.01, 0.01]
    assert found.weak.latency_s.tolist() == [1.5, 1.5]
    assert found.tables == {"mine": 1, "rows.jsonl": 1}
    assert found.kinds == {"unnamed": 1, "physics": 1}
    estimates = router.estimate("Hi?")
    gain = estimates["cloud"].quality - estimates["local"].quality
    assert found.turns[0] == pytest.approx(gain)
    assert len(from_file(router, *router.experts, path, tables=["mine"])) == 1


def test_a_row_for_the_cheapest_expert_is_no_evidence_of_a_price(
    router: Router, tmp_path: Path
) -> None:
    """It is counted; the others keep their own costs."""
    path = written(
        tmp_path / "rows.jsonl",
        *(
            {"query": query, "score": {"local": score, "cloud": 1}, "latency_s": seconds}
            for query, score, seconds in (
                ("turn off the kitchen light", 0, {"local": 1, "cloud": 2}),
                ("What is the capital of France?", 1, {"local": 3, "cloud": 4}),
            )
        ),
    )
    found = from_file(router, *router.experts, path)
    assert (len(found), found.for_cheapest) == (1, 1)
    assert (found.weak.scores.tolist(), found.weak.latency_s.tolist()) == ([1], [3])


def test_copies_of_a_query_count_once(
    router: Router, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A confidence is over independent draws; scores that contradict each other are averaged."""
    copy = {"query": "Hi?", "score": {"local": 1, "cloud": 1}}
    other = {"query": " hi? ", "score": {"local": 0, "cloud": 1}, "latency_s": {"local": 1}}
    talk = {"messages": [{"role": "user", "content": "Hi?"}], "score": {"local": 0, "cloud": 0}}
    path = written(tmp_path / "rows.jsonl", *[copy] * 3, other, talk, talk)
    found = from_file(router, *router.experts, path)
    assert len(found) == 2
    assert found.weak.scores.tolist() == [0.75, 0]
    assert found.strong.scores.tolist() == [1, 0]
    assert not found.latencies_measured
    assert "4 of 6 rows repeat a query" in caplog.text


def test_what_was_not_measured_everywhere_is_estimated(router: Router, tmp_path: Path) -> None:
    """Latencies of both, and costs only where prices are known."""
    path = written(tmp_path / "rows.jsonl", {"query": "Hi?", "score": {"local": 1, "cloud": 1}})
    found = from_file(router, *router.experts, path)
    assert not found.costs_measured
    assert found.strong.cost_usd is None
    assert (found.strong.latency_s > 0).all()


def test_outcomes_without_the_strong_expert_are_refused(router: Router, tmp_path: Path) -> None:
    """Says whom they lack and whom they know."""
    path = written(tmp_path / "rows.jsonl", {"query": "Hi?", "score": {"local": 1}})
    with pytest.raises(
        OutcomesUnusable, match=r"no outcomes of 'cloud' .*only of local; add .* --strong"
    ):
        from_file(router, *router.experts, path)
    written(
        path,
        {"query": "Hi?", "score": {"local": 1}},
        {"query": "Hi!", "score": {"cloud": 1}},
    )
    with pytest.raises(OutcomesUnusable, match=r"no row of .* of both local and cloud; add "):
        from_file(router, *router.experts, path)


def test_an_empty_query_and_an_unknown_table_are_refused(router: Router, tmp_path: Path) -> None:
    """With the file, and the tables that there are."""
    path = written(tmp_path / "rows.jsonl", {"query": " ", "score": {"local": 1, "cloud": 1}})
    with pytest.raises(OutcomesUnusable, match="a query that cannot be routed"):
        from_file(router, *router.experts, path)
    with pytest.raises(OutcomesUnusable, match=r"no table 'yours'; there are rows\.jsonl"):
        from_file(router, *router.experts, path, tables=["yours"])
