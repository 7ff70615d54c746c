"""Files of rows read back, whichever form they have; and cells as a spreadsheet wants them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from edge_router.benchmarks.cli import main
from edge_router.benchmarks.printers import PRINTERS, READERS
from edge_router.benchmarks.printers.reading import read_rows
from edge_router.benchmarks.rows.row import Row
from edge_router.benchmarks.rows.schema import BadBenchRow
from made_rows import made_row

ODD = {"model": "8", "text": "", "quoted": '"x"', "none": None, "flag": True, "word": "null"}


@pytest.fixture
def rows() -> list[Row]:
    """A failed row first, whose summary is null, then rows with settings of every type."""
    return [
        made_row([], measure="load", error="MissingExtra: none"),
        made_row(),
        made_row([0.5] * 3, settings=ODD),
    ]


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize("name", ["rows", "rows.csv", "rows.jsonl"])
def test_a_file_is_read_by_its_content(
    form: str, name: str, rows: list[Row], tmp_path: Path
) -> None:
    """Whatever it is called."""
    (tmp_path / name).write_text(PRINTERS[form](rows))
    assert read_rows(tmp_path / name) == rows


def test_a_csv_cell_holds_what_it_says(rows: list[Row]) -> None:
    """No quotes of JSON around texts, a column for each setting, nothing for null."""
    cells = list(csv.DictReader(io.StringIO(PRINTERS["csv"](rows))))[2]
    assert (cells["unit"], cells["exact"], cells["settings.flag"]) == ("s", "false", "true")
    assert cells["context.cpu"][0] != '"'
    assert (cells["settings.model"], cells["settings.none"]) == ('"8"', "null")
    assert cells["error"] == ""
    assert cells["samples"] == "[0.5, 0.5, 0.5]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("## latency\n\n| measure |", "table for people"),
        ("[1, 2]", "row 1: row is 1"),
        ("[{", "no file of rows"),
        ('{"suite": 1}', "line 1"),
        ("suite,b\nx,2\n", "row 1: row lacks"),
        ("suite,samples\nlatency,[1\n", "samples is '[1', which is no JSON"),
        ("\x00\x01", "no column suite"),
    ],
)
def test_what_is_no_file_of_rows_is_refused(text: str, words: str, tmp_path: Path) -> None:
    """With the place, and what would be right."""
    (tmp_path / "rows").write_text(text)
    with pytest.raises(BadBenchRow) as caught:
        read_rows(tmp_path / "rows")
    assert words in str(caught.value)


def test_two_forms_can_be_compared(
    rows: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cell by cell, CSV against JSON."""
    (tmp_path / "old.json").write_text(PRINTERS["json"](rows))
    (tmp_path / "new.csv").write_text(PRINTERS["csv"](rows))
    assert main(["compare", str(tmp_path / "old.json"), str(tmp_path / "new.csv")]) == 0
    assert "| latency | whole | edge-router |" in capsys.readouterr().out
