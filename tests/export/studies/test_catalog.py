"""The studies by name, and how their command writes what they report."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edge_router.export.cli import COMMANDS
from edge_router.export.commands import study as command
from edge_router.export.studies.base import Report, Study
from edge_router.export.studies.catalog import STUDIES


class CountingStudy:
    """A study of two files."""

    name = "counting"
    help = "counts"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=2)
        parser.add_argument("--out", type=Path)

    def run(self, options: argparse.Namespace) -> list[int]:
        return list(range(options.count))

    def report(self, findings: list[int], options: argparse.Namespace) -> Report:
        files = {options.out / f"{number}.txt": str(number) for number in findings}
        return Report(f"{len(findings)} files", files)


def test_every_study_is_a_command_with_its_own_line_of_help() -> None:
    """One module registers all of them."""
    for name, study in STUDIES.items():
        assert COMMANDS[name] == ("study", study.help)


def test_what_a_study_reports_is_written_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders of its files are made."""
    made: Study = CountingStudy()
    monkeypatch.setattr(command, "STUDIES", {made.name: made})
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    options = parser.parse_args(["counting", "--count", "3", "--out", str(tmp_path / "new")])
    options.run(options)
    assert capsys.readouterr().out == "3 files\n"
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == {
        "0.txt": "0",
        "1.txt": "1",
        "2.txt": "2",
    }
