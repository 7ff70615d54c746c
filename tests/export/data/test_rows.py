"""Outcome rows: read, refused, written, split."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.data.rows import BadRow, query_key, read_rows, split_of, write_rows

ROW: dict[str, Any] = {
    "qkey": "0" * 16, "split": "train", "task": "t", "query": "Why?", "score": {"a": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_survive_the_round_trip(tmp_path: Path, name: str) -> None:
    """Plain and gzipped, and the same bytes each time."""
    rows = [ROW, ROW | {"query": "Ünïcode 🙂"}]
    write_rows(tmp_path / name, rows)
    first = (tmp_path / name).read_bytes()
    write_rows(tmp_path / name, rows)
    assert list(read_rows(tmp_path / name)) == rows
    assert (tmp_path / name).read_bytes() == first


def test_rows_may_come_from_the_file_that_they_replace(tmp_path: Path) -> None:
    """One by one; an error on the way leaves the file as it was, and nothing beside it."""
    path = tmp_path / "x.jsonl.gz"
    write_rows(path, [ROW, ROW])
    write_rows(path, (row | {"task": "new"} for row in read_rows(path)))
    before = path.read_bytes()
    assert gzip.decompress(before).count(b'"new"') == 2

    def broken() -> Iterator[dict[str, Any]]:
        yield from read_rows(path)
        raise BadRow("no more")

    with pytest.raises(BadRow, match="no more"):
        write_rows(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"score": {"a": 1.5}}, "1.5.*0..1"),
        (ROW | {"score": {"a": float("nan")}}, "nan"),
        (ROW | {"split": "valid"}, "'valid'"),
        ({"query": "x"}, "lacks.*qkey"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: Any, message: str) -> None:
    """With the fault and what would be right."""
    write_rows(tmp_path / "x.jsonl", [ROW, row])
    with pytest.raises(BadRow, match=rf"x\.jsonl:2.*{message}"):
        list(read_rows(tmp_path / "x.jsonl"))


def test_a_row_without_its_text_gets_it_by_key(tmp_path: Path) -> None:
    """Texts that are not ours to copy are joined when the row is read."""
    bare = {key: value for key, value in ROW.items() if key != "query"}
    write_rows(tmp_path / "x.jsonl", [bare])
    assert list(read_rows(tmp_path / "x.jsonl", {ROW["qkey"]: "Why?"})) == [
        bare | {"query": "Why?"}
    ]
    with pytest.raises(BadRow, match="query"):
        list(read_rows(tmp_path / "x.jsonl"))


@given(st.text())
def test_white_space_and_case_do_not_change_the_key(query: str) -> None:
    """So the same question never stands on both sides of a split."""
    assert query_key(f"  {query.lower()}\n") == query_key(query.lower())
    assert split_of(query_key(query)) in ("train", "dev", "test")


def test_the_splits_have_the_stated_shares() -> None:
    """70 / 10 / 20 over many keys."""
    result = [split_of(query_key(str(number))) for number in range(5000)]
    assert result.count("train") / 5000 == pytest.approx(0.7, abs=0.03)
    assert result.count("dev") / 5000 == pytest.approx(0.1, abs=0.02)
