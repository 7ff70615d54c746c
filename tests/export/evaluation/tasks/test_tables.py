"""Tasks from outcome tables, and what is refused with the table's name and the fix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.data.rows import BadData
from edge_router.export.evaluation import Tables, measure
from small_tables import EIGHT, PAIR, small_outcomes, small_rows


def test_a_pair_holds_the_rows_that_know_both() -> None:
    """Splits, languages and lengths stay with their rows; the strong expert is the reference."""
    rows = small_rows("t", PAIR)
    del rows[16]["score"]["large"]  # a test row
    kept = [row for row in rows if row["split"] == "test" and len(row["score"]) == 2]
    task = Tables(small_outcomes(rows)).pair("t", "small", "large")
    assert task.experts == ("small", "large")
    assert (len(task.train), len(task.dev), len(task.test)) == (140, 20, 39)
    assert task.langs.tolist() == [row["lang"] for row in kept]
    assert task.characters.tolist() == [len(row["query"]) for row in kept]
    assert task.reference == "large"
    assert task.test.scores[:, 1] == pytest.approx(task.reference_scores)


def test_embeddings_go_with_their_rows() -> None:
    """What a router sees of a query is that query's."""
    outcomes = small_outcomes(small_rows("a", PAIR), small_rows("b", PAIR))
    numbers = np.arange(len(outcomes), dtype=np.float32)[:, None]
    task = Tables(outcomes, numbers).pair("b", "small", "large")
    first = int(task.train.queries.embeddings[0, 0])
    assert outcomes.texts[first] == task.train.queries.texts[0]


def test_pools_are_named_by_table_kind_and_size() -> None:
    """Eight experts have one slice of each size, and no fifth of three."""
    pools = Tables(small_outcomes(small_rows("t", EIGHT))).pools("t")
    assert [task.name for task in pools] == ["t/strong-to-weak/3", "t/strong-to-weak/5"]
    means = pools[1].train.scores.mean(axis=0)
    assert (np.diff(means) >= 0).all()
    assert pools[0].kind == "strong-to-weak"


def test_a_pair_has_no_pool() -> None:
    """Two experts are no pool of three."""
    assert Tables(small_outcomes(small_rows("t", PAIR))).pools("t") == []


def test_scaling_is_over_the_rows_that_know_all() -> None:
    """One row without an expert is left out, an expert known on few rows too."""
    rows = small_rows("t", EIGHT)
    del rows[0]["score"]["model-3"]
    for row in rows[:150]:
        del row["score"]["model-7"]
    result = Tables(small_outcomes(rows)).scaling("t")
    assert (result.rows, result.experts) == (199, 7)
    assert result.sizes == (1, 2, 3, 5, 7)


@pytest.mark.parametrize(
    ("table", "weak", "strong", "message"),
    [
        ("none", "small", "large", "table 'none' has no rows; use one of t"),
        (
            "t",
            "small",
            "huge",
            "table 't' does not know the expert 'huge'; use two of large, small",
        ),
        ("t", "small", "small", "table 't': the pair has one expert, 'small'; name two"),
    ],
)
def test_what_is_not_in_the_table_is_refused(
    table: str, weak: str, strong: str, message: str
) -> None:
    """The message names the table and what to use instead."""
    with pytest.raises(BadData, match=message):
        Tables(small_outcomes(small_rows("t", PAIR))).pair(table, weak, strong)


def test_a_table_with_one_expert_is_refused() -> None:
    """There is nothing to choose between."""
    outcomes = small_outcomes(small_rows("t", {"alone": 0.5}))
    for build in (Tables(outcomes).pools, Tables(outcomes).scaling):
        with pytest.raises(BadData, match="'t' has one expert to choose from, alone"):
            build("t")


def test_a_table_without_test_rows_is_refused() -> None:
    """Nor without training rows: baselines learn from them."""
    outcomes = small_outcomes(small_rows("t", PAIR))
    for split in ("test", "train"):
        only = replace(outcomes, splits=np.where(outcomes.splits == split, "dev", outcomes.splits))
        with pytest.raises(BadData, match=f"'t' has no {split} rows on which all of small, large"):
            Tables(only).pair("t", "small", "large")


def test_scores_outside_their_range_are_refused() -> None:
    """A score of 7 would win every mean."""
    outcomes = small_outcomes(small_rows("t", PAIR))
    with pytest.raises(BadData, match=r"'t' has scores outside 0\.\.1; rescale"):
        Tables(replace(outcomes, scores=outcomes.scores * 7)).pair("t", "small", "large")


def test_a_fingerprint_tells_tasks_apart() -> None:
    """By outcomes and by what routers see; equal tasks have equal ones."""
    outcomes = small_outcomes(small_rows("t", PAIR))
    task = Tables(outcomes).pair("t", "small", "large")
    assert task.fingerprint() == Tables(outcomes).pair("t", "small", "large").fingerprint()
    seen = Tables(outcomes, np.ones((len(outcomes), 1))).pair("t", "small", "large")
    turned = Tables(outcomes).pair("t", "large", "small")
    assert len({task.fingerprint(), seen.fingerprint(), turned.fingerprint()}) == 3


def test_v_r_compares_with_the_reference_that_is_named() -> None:
    """Of that table alone; an expert that the table does not know is refused."""
    outcomes = small_outcomes(small_rows("t", EIGHT))
    tables = Tables(outcomes, references={"t": "model-2", "other": "nobody"})
    task = tables.pools("t", (3,))[0]
    assert task.reference == "model-2"
    rows = outcomes.splits == "test"
    assert task.reference_scores.tolist() == outcomes.column("model-2")[rows].tolist()
    with pytest.raises(BadData, match="'t' does not know the reference 'gpt'; use one of model-0"):
        replace(tables, references={"t": "gpt"}).pools("t", (3,))


def test_routers_can_be_taught_the_similarity() -> None:
    """On train and dev rows, below 0 as 0; the test rows keep their scores."""
    rows = small_rows("t", PAIR)
    for number, row in enumerate(rows):
        row["similarity"] = {"small": 0.25 + number / 1000, "large": -0.1}
    outcomes = small_outcomes(rows)
    tables = Tables(outcomes, measured=measure(outcomes, {"t": rows}), teach="similarity")
    task = tables.pair("t", "small", "large")
    train = [row for row in rows if row["split"] == "train"]
    assert task.train.scores[:, 0].tolist() == [row["similarity"]["small"] for row in train]
    assert task.train.scores[:, 1].max() == 0.0
    assert set(task.test.scores.ravel().tolist()) == {0.0, 1.0}
    del rows[0]["similarity"]["large"]
    gap = replace(tables, measured=measure(outcomes, {"t": rows}))
    with pytest.raises(BadData, match="similarity of some answers of 'large' is not known"):
        gap.pair("t", "small", "large")
