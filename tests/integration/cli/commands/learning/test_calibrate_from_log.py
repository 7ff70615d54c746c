"""calibrate --from-log on logs of thousands of answers."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edge_router import Config, Router
from edge_router.learning.outcomes.log import FILE, OutcomeLog
from edge_router.routing.deciding.stored_points import point_path
from scored_answers import GOOD, QUERIES, SETTINGS, run, used

THIRD = """
[experts.other]
backend = "openai"
model = "other"
profile = "3b"
location = "cloud"
base_url = "http://127.0.0.1:9/v1"
"""


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's own settings and data."""
    (tmp_path / "settings.toml").write_text(SETTINGS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "data"))


def answerers(config: Config) -> list[str]:
    """Whom the router chooses for some of the queries."""
    router = Router.from_config(config)
    return [router.route(query).expert for query in QUERIES[::9]]


def test_an_expert_whose_quality_differs_is_recalibrated_and_routing_changes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Everything went to the cloud, whose answers here are bad, and stays on the device since; a
    second run, with the corrections in force and logged, changes nothing."""
    always = Config.load(min_gain=-1.0)
    assert set(answerers(always)) == {"cloud"}
    used(always)
    code, out, err = run(capsys)
    assert code == 0, err
    sentence, use = out.splitlines()
    assert sentence.startswith(f"By {len(QUERIES)} scored answers of your own, local scores ")
    assert "asking cloud never keeps " in sentence
    assert use == 'Use it with operating_point = "from-log".'
    config = Config.load(operating_point="from-log")
    assert set(answerers(config)) == {"local"}
    before = Router.from_config(always).route(QUERIES[5]).estimates
    after = Router.from_config(config).route(QUERIES[5])
    assert after.estimates["local"].quality > max(0.7, before["local"].quality)
    assert after.estimates["cloud"].quality < min(0.4, before["cloud"].quality)
    assert Router.from_config(config).explain(after).promise == sentence
    first = json.loads(point_path(tmp_path / "data", "from-log").read_text())
    code, out, _ = run(capsys, "--operating-point", "from-log", "--json")
    second = json.loads(out)
    assert code == 0
    assert {key: second[key] for key in ("corrections", "price", "evidence", "promise")} == {
        key: first[key] for key in ("corrections", "price", "evidence", "promise")
    }
    used(config, QUERIES[:150], seed=1)
    rows = OutcomeLog(tmp_path / "data" / FILE).rows()
    assert rows[-1].estimates["cloud"].quality < 0.5  # corrected when it was logged
    (tmp_path / "settings.toml").write_text(SETTINGS + THIRD)
    code, _, err = run(capsys)
    assert (code, "a promise is about two experts" in err) == (2, True)
    three = Config.load(min_gain=-1.0)
    config = replace(three, experts={name: three.experts[name] for name in GOOD})
    used(config)
    code, out, err = run(capsys, "--weak", "local", "--strong", "cloud", "--json")
    assert code == 0, err
    assert set(json.loads(out)["corrections"]) == {"local", "cloud"}
    assert json.loads(out)["evidence"]["too_few"].keys() == {"other"}
    assert set(answerers(Config.load(operating_point="from-log"))) <= {"local", "other"}


def test_a_clock_that_jumps_back_changes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Rows count as they came, whatever time it was."""
    used(Config.load(min_gain=-1.0))
    first = json.loads(run(capsys, "--json")[1])
    with sqlite3.connect(tmp_path / "data" / FILE) as connection:
        connection.execute("UPDATE outcomes SET time = -1e12 WHERE number % 2")
    connection.close()
    second = json.loads(run(capsys, "--json")[1])
    assert (second["corrections"], second["promise"]) == (first["corrections"], first["promise"])
