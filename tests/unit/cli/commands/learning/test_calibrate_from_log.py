"""edge-router calibrate --from-log: from scored answers to estimates and a point that routes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge_router import Config
from edge_router.cli.main import main
from edge_router.learning.outcomes.log import FILE
from edge_router.routing.deciding.stored_points import point_path
from scored_answers import QUERIES, SETTINGS, run, used


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's own settings and data."""
    (tmp_path / "settings.toml").write_text(SETTINGS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--target", "cost<=2/1000"), "keeps a share of quality, such as quality>=0.95, not cost"),
        (("--target", "quality>=0.9,strong_calls<=0.3"), "not quality>=0.9, strong_calls<=0.3"),
        (("--outcomes", "x"), "--outcomes does nothing with --from-log"),
        (("--confidence", "0.9"), "--confidence does nothing with --from-log"),
        (("--tables", "x"), "--tables does nothing with --from-log"),
        (("--name", "balanced"), "--name 'balanced' is one of the artifact's own points"),
    ],
)
def test_options_of_whole_outcomes_are_refused(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], message: str
) -> None:
    """By name, before the log is read."""
    code, out, err = run(capsys, *argv)
    assert (code, out, err.count("\n"), message in err) == (2, "", 1, True), err


def test_an_absent_log_says_how_it_is_filled(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And none is made."""
    code, out, err = run(capsys, "--json")
    assert code == 1
    assert json.loads(out)["error"]["type"] == "TooFewOutcomes"
    assert "learn = true keeps answers, edge-router feedback scores them" in err
    assert not (tmp_path / "data").exists()


def test_few_answers_are_refused_and_nothing_is_stored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With how many more would do."""
    used(Config.load(min_gain=-1.0), QUERIES[:20])
    code, _, err = run(capsys)
    assert code == 1
    assert "100 are needed: score about " in err
    assert not point_path(tmp_path / "data", "from-log").exists()


@pytest.mark.parametrize(
    "damage",
    [
        "vector = 'no bytes'",
        "vector = x'00'",
        "vector = x'0000'",
        "vector = NULL",
        "estimates = '[1, 2]'",
        "estimates = '{'",
        "propensity = 'often'",
        "propensity = -3",
        "score = 'fine'",
        "score = 7",
        "time = 'noon'",
    ],
)
def test_a_damaged_row_is_an_error_of_ours(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, damage: str
) -> None:
    """Whatever SQLite lets one write."""
    used(Config.load(min_gain=-1.0), QUERIES[:2])
    with sqlite3.connect(tmp_path / "data" / FILE) as connection:
        connection.execute(f"UPDATE outcomes SET {damage}")
    connection.close()
    code, _, err = run(capsys)
    assert (code, err.count("\n")) == (1, 1), err
    assert "logged" in err or "cannot be read" in err


def test_a_corrupt_log_is_an_error_with_the_fix(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A file that is no outcome log stays as it is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_bytes(b"this is no database " * 500)
    code, _, err = run(capsys)
    assert (code, "move it away" in err) == (1, True), err
    assert (tmp_path / "data" / FILE).read_bytes().startswith(b"this is no database")


def test_a_target_or_the_log_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """The message gives examples."""
    assert main(["calibrate"]) == 2
    assert "no target is stated; give quality>=0.95" in capsys.readouterr().err
