"""edge-router report and replay: pages, words, JSON, and wrong usage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import command_line
from made_answers import simulated

Run = Callable[..., tuple[int, str, str]]
SETTINGS = """
[experts.local]
backend = "openai"
model = "small"
profile = "135m"
base_url = "http://127.0.0.1:9/v1"

[experts.cloud]
backend = "openai"
model = "big"
profile = "frontier"
location = "cloud"
base_url = "http://127.0.0.1:9/v1"
input_usd_per_million = 3.0
output_usd_per_million = 15.0
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands look into this test's own folder."""
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(settings))
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: exit code, standard output, standard error."""
    return lambda *argv: command_line.run(capsys, *argv)


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log of a good router."""
    return write(tmp_path, knows=1.0, scored=0.5, exploration=0.1)


def write(folder: Path, **how: Any) -> str:
    """A made-up log, as a file of JSON lines."""
    path = folder / "log.jsonl"
    rows = simulated(1, 600, **how)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return str(path)


def test_a_page_is_written_and_the_verdict_printed(run: Run, tmp_path: Path, log: str) -> None:
    """In the folder where the command runs, unless told otherwise."""
    code, out, err = run("report", "--log", log)
    assert (code, out.startswith("Routing paid")) == (0, True)
    assert "report.html" in err
    page = (tmp_path / "report.html").read_text()
    assert "Did routing pay?" in page
    assert run("report", "--log", log, "--out", "new/page.html")[0] == 0
    assert (tmp_path / "new" / "page.html").read_text() == page


def test_json_writes_no_page_unless_asked(run: Run, tmp_path: Path, log: str) -> None:
    """All figures on one line."""
    code, out, _ = run("report", "--log", log, "--json")
    assert (code, json.loads(out)["paid"]) == (0, True)
    assert not (tmp_path / "report.html").exists()


def test_a_useless_router_is_told_so(run: Run, tmp_path: Path) -> None:
    """In the first words; by replay too."""
    log = write(tmp_path, knows=0.0, scored=0.5, exploration=0.1)
    assert run("report", "--log", log)[1].startswith("Routing did not pay")
    assert "Routing did not pay" in run("replay", log, "--min-gain", "0.2")[1]


def test_replay_says_what_changes(run: Run, log: str) -> None:
    """From whom to whom, and what is expected of it."""
    code, out, err = run("replay", log, "--min-gain", "1")
    assert code == 0
    assert "cloud to local: " in out
    assert "local to cloud" not in out
    assert "expected now:" in out
    assert "600 were decided on the estimates that the log holds" in err
    fields = json.loads(run("replay", log, "--min-gain", "1", "--json")[1])
    assert fields["after"]["usd"] == 0


@pytest.mark.parametrize("command", ["report", "replay"])
@pytest.mark.parametrize(
    ("argument", "words"),
    [("nowhere.jsonl", "is no file"), ("settings.toml", "cannot be read"), (".", "is no file")],
)
def test_what_is_no_log_is_refused(run: Run, command: str, argument: str, words: str) -> None:
    """In one line."""
    given = ("--log", argument) if command == "report" else (argument,)
    code, _, err = run(command, *given)
    assert (code, words in err, err.count("\n")) == (1, True, 1)


def test_an_empty_log_names_the_setting(run: Run) -> None:
    """Nothing was kept yet."""
    code, _, err = run("report")
    assert (code, "learn = true" in err) == (1, True)
    assert run("replay")[0] == 1


def test_a_page_that_cannot_be_written_is_told(run: Run, tmp_path: Path, log: str) -> None:
    """With the file; the figures are not lost to --json."""
    (tmp_path / "file").write_text("in the way")
    code, _, err = run("report", "--log", log, "--out", "file/page.html")
    assert (code, "--out 'file/page.html' cannot be written" in err) == (2, True)
    assert run("report", "--log", log, "--cached-share", "2")[0] == 2
