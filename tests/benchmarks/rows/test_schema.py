"""Rows against their JSON schema; the rows in results/ too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.benchmarks.printers.reading import read_rows
from edge_router.benchmarks.rows.row import Cell
from edge_router.benchmarks.rows.schema import BadBenchRow, check_row, row_schema
from made_rows import made_row

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def broken(**changes: Any) -> dict[str, Any]:
    """A row in JSON with some fields replaced; None in `changes` stays None."""
    return {**made_row().to_json(), **changes}


def test_a_row_matches_its_schema() -> None:
    """One with samples, and one that failed."""
    for row in (made_row(), made_row([], error="Broken: it is")):
        written = json.loads(json.dumps(row.to_json()))
        check_row(written)
        assert set(written) == set(row_schema()["required"])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (broken(schema_version=2), "row.schema_version is 2, it must be 1"),
        (broken(unit="ms"), "row.unit is 'ms'"),
        (broken(samples=[1.0, "x"]), "row.samples[1] is 'x'"),
        (broken(warm_up=-1), "row.warm_up is -1, it must be 0 or more"),
        (broken(valid=1), "row.valid is 1"),
        (broken(warm_up=True), "row.warm_up is True"),
        (broken(more=1), "row has an unknown field 'more'"),
        (broken(settings={"tokens": [8]}), "row.settings.tokens is [8]"),
        (broken(context={"cpu": "x"}), "row.context lacks 'edge_router'"),
        ([], "row is [], it must be of type object"),
    ],
)
def test_what_is_wrong_is_named(result: Any, message: str) -> None:
    """With its place."""
    with pytest.raises(BadBenchRow) as caught:
        check_row(result)
    assert message in str(caught.value)


def test_the_schema_asks_for_every_field_of_a_cell() -> None:
    """So that no field can be forgotten in it."""
    assert set(Cell.__dataclass_fields__) <= set(row_schema()["required"])
    assert set(row_schema()["required"]) == set(made_row().to_json())


def test_a_bad_line_of_a_file_is_named_by_its_number(tmp_path: Path) -> None:
    """Empty lines are none."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(made_row().to_json()) + "\n\n{}\n")
    with pytest.raises(BadBenchRow, match="line 3: row lacks"):
        read_rows(path)


def test_all_results_that_were_handed_in_match_the_schema() -> None:
    """And hold no failed row."""
    for path in sorted(RESULTS.glob("*.jsonl")):
        assert read_rows(path), path
