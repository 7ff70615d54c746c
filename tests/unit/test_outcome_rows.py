"""A user's own outcome rows, and the evidence in them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_router.config import Config, ExpertConfig
from edge_router.errors import OutcomesUnusable
from edge_router.outcome_rows import from_file, read_outcome_rows
from edge_router.router import Router

CLOUD = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1"
)
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.from_config(Config(experts={"local": LOCAL, "cloud": CLOUD}))


def written(path: Path, *rows: Mapping[str, Any]) -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_read_plain_or_gzipped(tmp_path: Path, name: str) -> None:
    """A score of null is none; blank lines do not count."""
    path = written(tmp_path / name, {"query": "Hi?", "score": {"a": 1, "b": None}})
    assert [row["score"] for row in read_outcome_rows(path)] == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "rows.jsonl is empty"),
        ("{", "rows.jsonl:1 is not JSON"),
        ("[]", 'rows.jsonl:1 lacks "score"'),
        ('{"query": "a"}', 'rows.jsonl:1 lacks "score"'),
        ('\n{"score": {"a": 1}}', 'rows.jsonl:2 lacks "query"'),
        ('{"query": "a", "score": {"a": 2}}', "has the score 2 for 'a'; use 0..1"),
        ('{"query": "a", "score": {"a": true}}', "has the score True for 'a'"),
        ('{"query": "a", "score": {"a": NaN}}', "has the score nan for 'a'"),
    ],
)
def test_a_row_that_is_none_is_named_by_its_line(tmp_path: Path, content: str, told: str) -> None:
    """With what it lacks."""
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(OutcomesUnusable, match=told):
        list(read_outcome_rows(path))


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    """As all that cannot be used, not with a traceback."""
    with pytest.raises(OutcomesUnusable, match="cannot be read"):
        list(read_outcome_rows(tmp_path / "nothing.jsonl"))
    for name in ("broken.jsonl", "broken.jsonl.gz"):
        (tmp_path / name).write_bytes(b"\xff\xfe")
        with pytest.raises(OutcomesUnusable, match="cannot be read"):
            list(read_outcome_rows(tmp_path / name))


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
    assert found.gains[0] == pytest.approx(gain)
    assert len(from_file(router, *router.experts, path, tables=["mine"])) == 1


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
