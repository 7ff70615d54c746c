"""Labelled outcomes as users write them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import ConfigError
from edge_router.learning.outcomes.rows import read_outcomes


def _file(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "o.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_plain_score_belongs_to_whom_it_is_about(tmp_path: Path) -> None:
    """Queries or messages; tokens where they were counted."""
    messages = [{"role": "user", "content": "b"}]
    path = _file(
        tmp_path,
        {"query": "a", "score": 1, "output_tokens": 7},
        {"messages": messages, "score": 0.5},
    )
    found = read_outcomes(path, "new")
    assert [row.score for row in found] == [1.0, 0.5]
    assert [row.output_tokens for row in found] == [7.0, None]
    assert found[1].request.messages[0].content == "b"


def test_of_many_experts_the_column_says_which(tmp_path: Path) -> None:
    """The expert's own name first, else the only one; rows without it are skipped; gzip too."""
    rows = [{"query": "a", "score": {"x": 1, "y": 0}}, {"query": "b", "score": {"y": 1}}]
    path = _file(tmp_path, *rows)
    assert [row.score for row in read_outcomes(path, "y")] == [0.0, 1.0]
    assert [row.score for row in read_outcomes(path, "new", "x")] == [1.0]
    with pytest.raises(ConfigError, match="has outcomes of x, y; say which with --expert"):
        read_outcomes(path, "new")
    packed = tmp_path / "o.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(rows[1]).encode()))
    assert len(read_outcomes(packed, "new")) == 1


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"query": "a", "score": 1.5}, ":1 has score 1.5; scores lie in 0..1"),
        ({"query": "a", "score": "good"}, "has score 'good'"),
        ({"query": "a", "score": True}, "has score True"),
        ({"query": " ", "score": 1}, "the query is empty"),
        ({"query": "a"}, ':1 lacks "score"'),
        ([1], ':1 lacks "score"'),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: Any, told: str) -> None:
    """With its line."""
    with pytest.raises(ConfigError, match=told):
        read_outcomes(_file(tmp_path, row), "new")


def test_lengths_that_nobody_counted_are_those_of_the_profile_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for the file; one row that counts is enough to be quiet."""
    read_outcomes(_file(tmp_path, {"query": "a", "score": 1}), "new")
    (told,) = [record.getMessage() for record in caplog.records]
    assert "no row has output_tokens" in told
    assert "those of the shipped profile" in told
    caplog.clear()
    counted = {"query": "b", "score": {"new": 1}, "output_tokens": {"new": 9}}
    read_outcomes(_file(tmp_path, counted, {"query": "a", "score": {"new": 1}}), "new")
    assert not caplog.records


def test_no_rows_and_no_file(tmp_path: Path) -> None:
    """Each says so."""
    with pytest.raises(ConfigError, match="holds no outcome"):
        read_outcomes(_file(tmp_path), "new")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_outcomes(tmp_path / "none.jsonl", "new")
    (tmp_path / "o.jsonl").write_text("{")
    with pytest.raises(ConfigError, match=":1 is not JSON"):
        read_outcomes(tmp_path / "o.jsonl", "new")
