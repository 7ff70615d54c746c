"""The same query from several lines or files; what a table keeps on its way to rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.export.data.importers import import_outcomes
from edge_router.export.data.rows import BadRow, query_key, split_of

EXPERTS = ("local", "cloud", "vendor/m:8b", "größer, älter")
SCORES = st.none() | st.floats(0, 1) | st.sampled_from([0.0, 1.0])
LINES = st.lists(
    st.tuples(st.text(min_size=1).filter(str.strip), st.tuples(*(SCORES for _ in EXPERTS[2:]))),
    min_size=1,
    unique_by=lambda line: query_key(line[0]),
)


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@settings(max_examples=40)
@given(lines=LINES)
def test_a_csv_round_trip_keeps_queries_and_scores(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, tuple[float | None, ...]]]
) -> None:
    """Whatever the texts hold; an empty cell is a score that is not known."""
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["query", *EXPERTS])
        for query, scores in lines:
            table.writerow([query, 0.5, 1, *scores])
    assert [(row["query"], row["score"]) for row in import_outcomes("csv", [path])] == [
        (
            query,
            {
                expert: score
                for expert, score in zip(EXPERTS, (0.5, 1.0, *scores), strict=True)
                if score is not None
            },
        )
        for query, scores in lines
    ]


def test_the_same_query_becomes_one_row(tmp_path: Path) -> None:
    """The first row's fields, the experts of all; a contradicting score is averaged."""
    first = jsonl(
        tmp_path / "first.jsonl",
        {"query": "Why?", "task": "a", "score": {"x": 1}, "cost_usd": {"x": 0.5}},
    )
    second = jsonl(
        tmp_path / "second.jsonl",
        {
            "query": " why? ",
            "task": "b",
            "score": {"x": 0, "y": 0.25},
            "cost_usd": {"x": 9, "y": 1},
        },
        {"query": "WHY?", "score": {"x": 0, "y": 0.25}},
    )
    (row,) = import_outcomes("jsonl", [first, second])
    assert (row["query"], row["task"], row["source"]) == ("Why?", "a", "jsonl/first")
    assert row["score"] == {"x": pytest.approx(1 / 3), "y": 0.25}
    assert row["cost_usd"] == {"x": 0.5, "y": 1.0}


@settings(max_examples=40)
@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_an_average_lies_between_its_scores(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float]
) -> None:
    """And equal scores stay what they are, to the last bit."""
    lines = [{"query": "Why?", "score": {"x": score, "y": scores[0]}} for score in scores]
    path = jsonl(tmp_path_factory.getbasetemp() / "average.jsonl", *lines)
    (row,) = import_outcomes("jsonl", [path])
    assert min(scores) <= row["score"]["x"] <= max(scores)
    assert row["score"]["y"] == scores[0]


def test_a_row_without_a_known_score_is_left_out(tmp_path: Path) -> None:
    """It holds no information; the ids count the rows that stay."""
    path = jsonl(
        tmp_path / "rows.jsonl",
        {"query": "none", "score": {}},
        {"query": "null", "score": {"x": None}},
        {"query": "some", "score": {"x": 1, "y": 0}},
    )
    (row,) = import_outcomes("jsonl", [path])
    assert (row["query"], row["id"]) == ("some", "rows-0")


def test_equal_file_names_still_give_each_row_its_own_id(tmp_path: Path) -> None:
    """AlpacaEval's files are all called annotations.json, each in its model's folder."""
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        query = {"query": f"{name}?", "score": {"x": 0, "y": 1}}
        paths.append(jsonl(tmp_path / name / "annotations.jsonl", query))
    assert [row["id"] for row in import_outcomes("jsonl", paths)] == [
        "annotations-0",
        "annotations-1",
    ]


def test_rows_that_cannot_share_a_table_are_refused(tmp_path: Path) -> None:
    """Judged against different references, or standing in two splits."""
    judged = {"instruction": "Why?", "generator_2": "m", "preference": 2}
    paths = [
        jsonl(tmp_path / f"{name}.json", judged | {"generator_1": name}) for name in ("old", "new")
    ]
    with pytest.raises(BadRow, match=r"new\.json:1 has judged_against 'new'.*'old'"):
        import_outcomes("alpacaeval", paths)
    whole = {"qkey": "aa", "task": "t", "query": "q", "score": {"x": 0, "y": 1}}
    path = jsonl(tmp_path / "rows.jsonl", whole | {"split": "dev"}, whole | {"split": "test"})
    with pytest.raises(BadRow, match=r"rows\.jsonl:2 has split 'test'.*'dev'"):
        import_outcomes("jsonl", [path])


def test_different_texts_under_one_key_stay_apart(tmp_path: Path) -> None:
    """A whole row's own qkey may cover a question with other options; it is another query."""
    whole = {"qkey": "aa", "split": "dev", "task": "t", "score": {"x": 0, "y": 1}}
    path = jsonl(
        tmp_path / "rows.jsonl", *(whole | {"query": f"Which?\nA. {name}"} for name in "xy")
    )
    assert [(row["qkey"], row["query"][-1]) for row in import_outcomes("jsonl", [path])] == [
        ("aa", "x"),
        ("aa", "y"),
    ]


def test_a_cell_may_be_longer_than_csv_allows(tmp_path: Path) -> None:
    """And the limit, which csv keeps for the whole process, is as it was afterwards."""
    before = csv.field_size_limit()
    query = "long " * before
    path = tmp_path / "long.csv"
    path.write_text(f"query,a,b\n{query},0,1\n")
    (row,) = import_outcomes("csv", [path])
    assert row["query"] == query
    assert csv.field_size_limit() == before
    assert row["split"] == split_of(query_key(query))
