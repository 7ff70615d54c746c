"""edge-router export grade, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export`")

from edge_router.export.cli import main

ANSWERED = {"query": "2+2?", "gold": 4, "metric": "number", "answer": {"a": "4", "b": "5"}}


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """One question with the answers of two experts."""
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(ANSWERED) + "\n")
    return path


def test_a_file_of_answers_is_graded(answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into another file, or in place; it says what was done, in words or as JSON."""
    out = answers.with_name("graded.jsonl.gz")
    assert main(["grade", str(answers), "--out", str(out), "--measure", "score"]) == 0
    assert "graded.jsonl.gz: 2 numbers of 1 rows" in capsys.readouterr().out
    assert json.loads(answers.read_text()) == ANSWERED
    assert main(["grade", str(out), "--out", str(out), "--measure", "score", "--json"]) == 0
    graded = json.loads(capsys.readouterr().out)
    assert graded == {
        "rows": 1, "answers": 2, "measured": 2, "changed": 0, "without_gold": 0, "cut": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--config", "x.toml"], "are for --measure nll; state both"),
        (["--address", "h:1"], "--address h:1 is for --engine ray"),
        (["--questions", "none.jsonl"], "none.jsonl is not there"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    answers: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do instead; the answers stay as they are."""
    assert main(["grade", str(answers), "--out", str(answers), *options]) in (1, 2)
    assert message in capsys.readouterr().err
    assert json.loads(answers.read_text()) == ANSWERED


def test_a_missing_file_and_a_folder_are_named(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not as something that cannot be written; the folder of the result is made."""
    folder, out = answers.parent, answers.parent / "new" / "x.jsonl"
    for paths, message in (
        ((folder / "none.jsonl", out), "none.jsonl is not there"),
        ((folder, out), "is a folder"),
        ((answers, folder), "is a folder"),
    ):
        options = ["grade", str(paths[0]), "--out", str(paths[1]), "--measure", "score"]
        assert main(options) == 1
        said = capsys.readouterr().err
        assert message in said
        assert "cannot be written" not in said
    assert main(["grade", str(answers), "--out", str(out), "--measure", "score"]) == 0


def test_answers_that_no_question_fits_are_refused(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is graded, and the message names the options that help."""
    answers.write_text('{"query": "2+2?", "answer": {"a": "4"}}\n')
    assert main(["grade", str(answers), "--out", str(answers), "--measure", "score"]) == 1
    assert "with --questions or --data" in capsys.readouterr().err
