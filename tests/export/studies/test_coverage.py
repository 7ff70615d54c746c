"""The study of coverage, on a pool made by hand and on the real tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_router.export.data.rows import BadData
from edge_router.export.studies.coverage.study import (
    PAIRS,
    Pair,
    Pool,
    coverage,
    coverage_json,
    coverage_table,
    pools,
    study,
)
from edge_router.learning.calibration.evidence import Evidence, ExpertOutcomes
from edge_router.learning.calibration.targets import parse_targets
from edge_router.routing.artifact.manifest import RouterArtifact


def pool(rows: int = 1000) -> Pool:
    """The weak expert is right where a query is easy, the strong one 9 times in 10."""
    rng = np.random.default_rng(4)
    hard = rng.random(rows)
    weak = ExpertOutcomes((rng.random(rows) > hard).astype(float), np.zeros(rows), np.ones(rows))
    strong = ExpertOutcomes(
        (rng.random(rows) < 0.9).astype(float), np.full(rows, 0.001), np.ones(rows)
    )
    evidence = Evidence(
        hard - 0.1, np.zeros(rows, dtype=np.bool_), weak, strong, {"made": rows}, {"made": rows}
    )
    return Pool(Pair("made", "small", "3b", "big", "frontier"), evidence)


def test_the_guarantee_keeps_its_promise_and_the_naive_threshold_does_not() -> None:
    """And the classical bounds ask the strong expert more for the same."""
    targets = parse_targets(["quality>=0.9"])
    rows = {one.method: one for one in coverage(pool(), targets, 300, 0.1, splits=100)}
    assert list(rows) == ["guaranteed", "naive", "Hoeffding-Bentkus", "empirical Bernstein"]
    assert rows["guaranteed"].holds
    assert rows["naive"].violations > 0.25
    assert not rows["naive"].holds
    assert rows["naive"].price < rows["guaranteed"].price
    assert rows["guaranteed"].price < rows["Hoeffding-Bentkus"].price
    assert rows["guaranteed"].price < rows["empirical Bernstein"].price
    assert all(one.splits == 100 for one in rows.values())


def test_the_oracle_is_the_best_threshold_of_the_pool() -> None:
    """Half of the strong expert's cost, each call at one price: half of the calls."""
    targets = parse_targets(["cost<=0.5/1000"])
    result = coverage(pool(), targets, 300, 0.1, splits=10)
    assert [one.method for one in result] == ["guaranteed", "naive"]
    assert result[0].oracle_calls == pytest.approx(0.5, abs=0.01)
    assert result[0].price == pytest.approx(result[0].oracle_calls - result[0].strong_calls)
    assert result[0].strong_calls < result[0].oracle_calls


def test_a_set_that_supports_nothing_counts_as_asking_the_safe_expert() -> None:
    """It is a refusal, never a violation."""
    targets = parse_targets(["quality>=0.99"])
    guaranteed = coverage(pool(), targets, 10, 0.05, splits=20)[0]
    assert guaranteed.refused == 1
    assert guaranteed.violations == 0
    assert guaranteed.strong_calls == 1


def test_the_study_covers_every_cell_the_same_each_time() -> None:
    """Targets, sizes and risks; its table and JSON have a line for each."""
    result = study([pool()], splits=3, sizes=(20, 2000), deltas=(0.1,), seed=1)
    cells = {(one.targets, one.rows) for one in result}
    assert len(cells) == 2 * len(pool().targets())
    assert result == study([pool()], splits=3, sizes=(20, 2000), deltas=(0.1,), seed=1)
    assert len(coverage_table(result).splitlines()) == 2 + len(result)
    assert json.loads(json.dumps(coverage_json(result)))[0]["method"] == "guaranteed"


ROW = {
    "query": "Why?",
    "id": 1,
    "qkey": "a",
    "source": "made",
    "task": "made",
    "split": "dev",
    "lang": "en",
    "score": {"small": 1},
}


def test_a_table_that_is_not_there_is_named(artifact: RouterArtifact, tmp_path: Path) -> None:
    """Before anything is computed."""
    folder = tmp_path / "outcomes" / "open"
    folder.mkdir(parents=True)
    (folder / "made.jsonl").write_text(json.dumps(ROW) + "\n")
    with pytest.raises(BadData, match="no table 'mmlu_test_joint'"):
        pools(artifact, tmp_path, work=tmp_path / "work")


@pytest.mark.slow
def test_the_promise_holds_on_a_real_table(
    artifact: RouterArtifact, data: Path, tmp_path: Path
) -> None:
    """The smallest of the three, few sets: `edge-router export coverage` gives the figures."""
    real = pools(artifact, data, work=tmp_path, pairs=PAIRS[-1:])
    rows = study(real, splits=20, sizes=(200,), deltas=(0.1,))
    assert {one.table for one in rows} == {"llmrouter_uiuc_9models"}
    assert all(one.holds for one in rows if one.method == "guaranteed")
