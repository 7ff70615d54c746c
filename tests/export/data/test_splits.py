"""RouterEval's and TO-Router's splits of outcome rows."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.data.splits import resplit, some_rows
from small_tables import PAIR, small_rows

TABLES = {"a": small_rows("a", PAIR, count=1000), "b": small_rows("b", PAIR, count=50)}


def test_rows_keep_their_own_split() -> None:
    """Unless another one is asked for."""
    assert resplit(TABLES, "rows") is TABLES


def test_eight_to_one_to_one() -> None:
    """About so many of each, the same every time; a query's side does not depend on its table."""
    rows = resplit(TABLES, "8:1:1")["a"]
    counts = Counter(row["split"] for row in rows)
    assert counts["train"] == pytest.approx(800, abs=40)
    assert counts["dev"] == pytest.approx(100, abs=30)
    assert resplit({"a": TABLES["a"]}, "8:1:1")["a"] == rows
    assert resplit({"other": TABLES["a"]}, "8:1:1")["other"] == rows


def test_four_fifths_of_each_table_and_kind_are_train() -> None:
    """To the row; there is no dev."""
    for name, rows in resplit(TABLES, "80/20").items():
        half = len(TABLES[name]) // 2
        for kind in ("sums", "history"):
            counts = Counter(row["split"] for row in rows if row["task"] == kind)
            assert counts == {"train": round(0.8 * half), "test": half - round(0.8 * half)}


def test_equal_queries_stand_on_one_side() -> None:
    """In other clothes too, and in another table; nothing but the split changes."""
    again = [row | {"query": row["query"].upper() + "?"} for row in TABLES["a"]]
    for splitting in ("8:1:1", "80/20"):
        first, second = resplit({"a": TABLES["a"], "again": again}, splitting).values()
        assert [row["split"] for row in first] == [row["split"] for row in second]
        assert [row | {"split": ""} for row in first] == [r | {"split": ""} for r in TABLES["a"]]


def test_some_rows_are_the_same_every_time() -> None:
    """A larger number holds those of a smaller one, in the rows' own order."""
    few, more = some_rows(TABLES["a"], 10), some_rows(TABLES["a"], 30)
    assert (len(few), len(more)) == (10, 30)
    assert [row for row in more if row in few] == few
    assert some_rows(TABLES["a"], None) == some_rows(TABLES["a"], 5000) == TABLES["a"]
