"""A fleet from end to end: logs exported, merged, calibrated and enrolled on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import command_line
from edge_router import Config
from edge_router.cli.main import main
from edge_router.routing.deciding.stored_points import point_path
from scored_answers import SETTINGS, run, used

pytest.importorskip("pyarrow")


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's own settings and data."""
    (tmp_path / "settings.toml").write_text(SETTINGS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "device"))


def test_a_merged_log_teaches_what_the_log_itself_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same corrections and price, also with the log uploaded twice; and a new expert's head."""
    used(Config.load(min_gain=-1.0))
    assert run(capsys)[0] == 0
    own = json.loads(point_path(tmp_path / "device", "from-log").read_text())
    for name in ("first.jsonl", "second.jsonl.gz"):
        assert main(["log", "export", str(tmp_path / "logs" / name)]) == 0
    table = tmp_path / "merged.parquet"
    assert main(["export", "merge", str(tmp_path / "logs"), "--out", str(table)]) == 0
    capsys.readouterr()
    code, out, err = command_line.run(capsys, "calibrate", "--from-log", str(table), "--json")
    assert code == 0, err
    fleet = json.loads(out)
    assert "scored answers of a fleet" in fleet["promise"]
    assert fleet["price"] == pytest.approx(own["price"])
    for name, correction in own["corrections"].items():
        assert fleet["corrections"][name] == pytest.approx(correction, abs=1e-4)
    assert f"--from-log={table}" in fleet["command"]
    code, out, err = command_line.run(
        capsys, "enroll", "mine", "--outcomes", str(table), "--expert", "local", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["mean_score"] == pytest.approx(0.9, abs=0.1)


def test_a_table_of_another_router_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By calibrate and by enroll, which name both routers."""
    from edge_router.export.collecting.fleet_merge import merge_logs
    from made_fleet import shared, write_log

    table = tmp_path / "merged.parquet"
    merge_logs([write_log(tmp_path / "log.jsonl", [shared("a", 1)])], table)
    for argv in (
        ("calibrate", "--from-log", str(table)),
        ("enroll", "mine", "--outcomes", str(table)),
    ):
        code, _, err = command_line.run(capsys, *argv)
        assert (code, "holds the outcomes of the router aaaaaaaaaaaa" in err) == (1, True), err


def test_the_table_can_be_asked_in_sql(tmp_path: Path) -> None:
    """By DuckDB, estimates and all."""
    from edge_router.export.collecting.fleet_merge import merge_logs
    from made_fleet import shared, write_log

    duckdb = pytest.importorskip("duckdb")
    table = tmp_path / "merged.parquet"
    log = [shared("a", n, score=n / 4, expert=("weak", "strong")[n % 2]) for n in range(4)]
    merge_logs([write_log(tmp_path / "log.jsonl", log)], table)
    found = duckdb.sql(
        "SELECT expert, count(*), avg(score), max(estimates[1].quality) "
        f"FROM '{table}' GROUP BY expert ORDER BY expert"
    ).fetchall()
    assert found == [("strong", 2, 0.5, 0.5), ("weak", 2, 0.25, 0.5)]
