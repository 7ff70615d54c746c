"""One schema in several forms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_router.benchmarks.printers import PRINTERS, READERS
from edge_router.benchmarks.printers.terminal import print_rows
from edge_router.benchmarks.printers.words import amount
from edge_router.benchmarks.rows.row import Row
from made_rows import CONTEXT, made_row


@pytest.fixture
def rows() -> list[Row]:
    """One that is fine, one of another installation with commas and a fault, one that failed."""
    other = replace(CONTEXT, board=None, commit=None, artifact=None, artifact_hash=None)
    settings = {"model": 'a "quoted", name', "network": False, "threads": None, "share": 0.5}
    return [
        made_row(),
        made_row([1.0], context=other, settings=settings, faults=("loaded: a, b",)),
        made_row([], measure="load", error="MissingExtra: llama-cpp-python, is not\ninstalled"),
    ]


@pytest.mark.parametrize("form", READERS)
def test_what_is_printed_can_be_read_back(form: str, rows: list[Row]) -> None:
    """Nothing is lost, whatever the form."""
    assert READERS[form](PRINTERS[form](rows)) == rows


def test_markdown_marks_what_must_not_be_believed(rows: list[Row]) -> None:
    """A note for each kind of fault, and the whole context above the table."""
    text = PRINTERS["md"](rows)
    assert "Raspberry Pi 5 Model B Rev 1.0" in text
    assert "| whole | edge-router | tokens 32, threads 1 | 3 | 2 s |" in text
    assert "[1] invalid, loaded" in text
    assert "[2] failed: MissingExtra" in text
    assert "Warm-up samples left out: 10." in text


def test_rows_that_no_file_takes_are_printed(
    rows: list[Row], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """They took minutes to measure; the error names the file, whose folder is gone meanwhile."""
    (tmp_path / "gone").write_text("")
    with pytest.raises(OSError, match="gone/rows"):
        print_rows(rows, "json", tmp_path / "gone" / "rows")
    assert READERS["json"](capsys.readouterr().out) == rows


def test_markdown_sets_others_beside_ours() -> None:
    """By medians, in the same cell only."""
    other = made_row([18.0], contender="minilm-int8")
    elsewhere = made_row([9.0], contender="minilm-int8", settings={"tokens": 64})
    lines = PRINTERS["md"]([made_row([2.0]), other, elsewhere]).splitlines()
    ratios = [line.split(" | ")[5] for line in lines if line.startswith("| whole")]
    assert ratios == ["", "9 x", ""]


def test_csv_has_a_column_for_each_field(rows: list[Row]) -> None:
    """Also for those inside the context."""
    head = PRINTERS["csv"](rows).splitlines()[0].split(",")
    assert {"suite", "samples", "summary.p99", "context.cpu", "before.throttled"} <= set(head)


def test_a_json_row_says_whether_it_is_valid(rows: list[Row]) -> None:
    """And carries n and MAD beside the percentiles."""
    result = json.loads(PRINTERS["json"](rows))
    assert [row["valid"] for row in result] == [True, False, False]
    assert result[0]["summary"]["n"] == 3
    assert result[0]["summary"]["mad"] == 1.0
    assert result[2]["summary"] is None


@pytest.mark.parametrize(
    ("value", "unit", "message"),
    [
        (0.00123, "s", "1.23 ms"),
        (-2.5e-5, "s", "-25 µs"),
        (12.3456, "s", "12.3 s"),
        (0.0, "cpu_s", "0 µs CPU"),
        (98_765_432, "B", "98.8 MB"),
        (1_234_567_890, "B", "1235 MB"),
        (60_000_000, "instructions", "60 M instructions"),
        (0.6349, "apgr", "0.635"),
    ],
)
def test_amounts_have_three_digits_that_count(value: float, unit: str, message: str) -> None:
    """In the scale that suits."""
    assert amount(value, unit) == message


def test_engines_are_set_beside_the_first_of_them() -> None:
    """Where none of the contenders is ours."""
    rows = [made_row([2.0], contender="one"), made_row([3.0], contender="other")]
    lines = PRINTERS["md"](rows).splitlines()
    assert any("| to one |" in line for line in lines)
    ratios = [line.split(" | ")[5] for line in lines if line.startswith("| whole")]
    assert ratios == ["", "1.5 x"]
