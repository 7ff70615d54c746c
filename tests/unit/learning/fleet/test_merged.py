"""Reading the merged table: one router's rows, and files that are none."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import LearningError, MissingExtra
from edge_router.export.collecting.fleet_merge import merge_logs
from edge_router.learning.fleet.merged import MergedTable
from edge_router.learning.fleet.parquet import is_parquet
from made_fleet import OTHER_ROUTER, ROUTER, shared, write_log

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def table_of(folder: Path, rows: list[Any]) -> MergedTable:
    """The merged table of one log."""
    merge_logs([write_log(folder / "log.jsonl", rows)], folder / "merged.parquet")
    return MergedTable(folder / "merged.parquet")


def test_rows_come_back_as_outcomes(tmp_path: Path) -> None:
    """With their propensities, scores and estimates."""
    merged = table_of(tmp_path, [shared("a", n, z=n / 4, score=n / 4) for n in range(4)])
    rows = sorted(merged.rows(), key=lambda row: row.id)
    assert len(merged) == 4
    assert [row.score for row in rows] == [0.0, 0.25, 0.5, 0.75]
    assert [float(row.vector[0]) for row in rows] == [0.0, 0.25, 0.5, 0.75]
    assert {row.propensity for row in rows} == {0.8}
    assert rows[0].estimates["strong"].cost_usd == 0.01


def test_two_routers_are_not_mixed(tmp_path: Path) -> None:
    """The error names both, and the command that takes them apart."""
    rows = [shared("a", 1), shared("b", 1, artifact=OTHER_ROUTER)]
    merged = table_of(tmp_path, rows)
    with pytest.raises(LearningError, match=r"aaaaaaaaaaaa \(1 rows\) and bbbbbbbbbbbb") as error:
        merged.require_router(ROUTER)
    assert "export merge LOG... --artifact aaaaaaaaaaaa" in str(error.value)
    alone = table_of(tmp_path, rows[:1])
    alone.require_router(ROUTER)
    with pytest.raises(LearningError, match=r"router aaaaaaaaaaaa, and the settings have bbbbbbb"):
        alone.require_router(OTHER_ROUTER)


def test_an_experts_own_answers_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    """Without those after a hand-over, broken off or not scored."""
    rows = [shared("a", n) for n in range(9)]
    rows += [shared("a", 9, answered_by="strong"), shared("a", 10, ended="broken")]
    rows += [shared("a", 11, score=None), shared("a", 12, expert="strong", rival="weak")]
    merged = table_of(tmp_path, rows)
    assert len(merged.some_answers_of("weak", 100)) == 9
    some = [row.id for row in merged.some_answers_of("weak", 4)]
    assert some == [row.id for row in merged.some_answers_of("weak", 4)]
    assert len(set(some)) == 4
    with pytest.raises(LearningError, match=r"of 'new'.* strong, weak: say which"):
        merged.some_answers_of("new", 4)


def test_files_that_are_no_merged_table_are_refused(tmp_path: Path) -> None:
    """Not Parquet, cut off, somebody else's, of another version, a folder, missing."""
    whole = table_of(tmp_path, [shared("a", 1)]).path
    other, later, cut = tmp_path / "other.parquet", tmp_path / "later.parquet", tmp_path / "cut"
    parquet.write_table(pyarrow.table({"x": [1]}), other)
    table = parquet.read_table(whole)
    version = {b"edge-router merged outcomes": b"9"}
    parquet.write_table(table.replace_schema_metadata(version), later)
    cut.write_bytes(whole.read_bytes()[:-7])
    (tmp_path / "text").write_text("hello")
    assert is_parquet(cut)
    assert not is_parquet(tmp_path / "text")
    assert not is_parquet(tmp_path / "none")
    for path, complaint in (
        (other, "is no table of edge-router export merge"),
        (later, "has version 9, this Edge Router reads 1"),
        (cut, "cannot be read as a merged table"),
        (tmp_path / "text", "cannot be read as a merged table"),
        (tmp_path, "it is a folder"),
        (tmp_path / "none", "there is no "),
    ):
        with pytest.raises(LearningError, match=complaint):
            MergedTable(path)


def test_without_pyarrow_the_pip_line_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading and merging."""
    plain = builtins.__import__

    def without_pyarrow(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    for work in (
        lambda: MergedTable(tmp_path / "x.parquet"),
        lambda: merge_logs([tmp_path], tmp_path / "x.parquet"),
    ):
        with pytest.raises(MissingExtra, match=r"pip install 'edge-router\[fleet\]'"):
            work()


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [("artifact", None, "artifact is None, no text"), ("propensity", 0.0, "above 0, at most 1")],
)
def test_columns_that_no_export_writes_are_refused(
    tmp_path: Path, column: str, value: object, complaint: str
) -> None:
    """A table is a file of unknown origin too, and rows are weighed by one over a propensity."""
    merged = table_of(tmp_path, [shared("a", 1)])
    table = parquet.read_table(merged.path)
    place = table.schema.get_field_index(column)
    values = pyarrow.array([value], table.schema.field(place).type)
    parquet.write_table(table.set_column(place, table.schema.field(place), values), merged.path)

    def learn() -> list[Any]:
        damaged = MergedTable(merged.path)
        damaged.require_router(ROUTER)
        return list(damaged.rows())

    with pytest.raises(LearningError, match=complaint):
        learn()
