"""edge-router log and feedback: what was kept, how good it was, and how it is forgotten."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from edge_router.cli.main import main
from edge_router.learning.outcomes.log import FILE
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("openai", "small", "135m", base_url="http://127.0.0.1:9/v1")


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands look into this test's own folder."""
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))


def answered(folder: Path, count: int) -> list[str]:
    """The ids of so many answers, all kept."""
    config = Config(experts={"local": LOCAL}, data_dir=str(folder), learn=True, learn_prompts=True)
    with EdgeRouter(config, backends={"local": FakeBackend()}) as router:
        return [router.complete(f"What is {n}?").record.id for n in range(count)]


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


def rows(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """What `log show --json` prints."""
    return [json.loads(line) for line in run(capsys, "log", "show", "--json")[1].splitlines()]


def test_a_score_is_given_by_id_or_for_the_last(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One line each, and shown afterwards."""
    first, second, _ = answered(tmp_path, 3)
    assert run(capsys, "feedback", second, "0.25")[:2] == (0, f"{second} scored 0.25\n")
    assert run(capsys, "feedback", "last", "1")[0] == 0
    shown = run(capsys, "log", "show")[1].splitlines()
    assert [line.split(", ")[2] for line in shown] == ["not scored", "score 0.25", "score 1"]
    assert shown[0].startswith(first)


def test_what_was_kept_is_shown_for_machines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Everything but the representation."""
    (id_,) = answered(tmp_path, 1)
    (row,) = rows(capsys)
    assert (row["id"], row["expert"], row["prompt"]) == (id_, "local", "What is 0?")
    assert (row["propensity"], row["score"], "vector" in row) == (1.0, None, False)
    assert set(row["quality"]) == {"local", "frontier"}


def test_forgetting_forgets_everything(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And says how much that was."""
    answered(tmp_path, 2)
    assert run(capsys, "log", "clear")[1] == "2 outcomes forgotten\n"
    assert rows(capsys) == []
    assert run(capsys, "log", "clear", "--json")[1] == '{"cleared": 0}\n'


def test_without_a_log_there_is_nothing_to_show_and_none_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Looking is not asking for one."""
    assert run(capsys, "log", "show")[:2] == (0, "")
    assert run(capsys, "log", "clear")[:2] == (0, "0 outcomes forgotten\n")
    assert run(capsys, "feedback", "last", "1")[0] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (("x", "1"), 1, "no answer 'x' among the 1 in"),
        (("last", "2"), 2, "from 0 (bad) to 1 (good)"),
        (("last", "good"), 2, "from 0 (bad) to 1 (good)"),
        (("last", "nan"), 2, "from 0 (bad) to 1 (good)"),
    ],
)
def test_a_wrong_id_or_score_is_named(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    argv: tuple[str, str],
    code: int,
    message: str,
) -> None:
    """With the fix."""
    answered(tmp_path, 1)
    got, _, err = run(capsys, "feedback", *argv)
    assert (got, message in err) == (code, True), err


def test_a_score_that_the_disk_does_not_take_is_not_a_wrong_id(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Another process holds the file here, as a full disk would refuse it."""
    (id_,) = answered(tmp_path, 1)
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, _, err = run(capsys, "feedback", "last", "1")
    assert code == 1
    assert f"the score of {id_} could not be written" in err
    assert "run it again" in err


@pytest.mark.parametrize("argv", [("log", "show"), ("log", "clear"), ("feedback", "last", "1")])
def test_a_corrupt_log_is_an_error_with_the_fix(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: tuple[str, ...]
) -> None:
    """A file that is no outcome log stays as it is."""
    (tmp_path / FILE).write_bytes(b"this is no database " * 500)
    code, _, err = run(capsys, *argv)
    assert (code, "move it away" in err, "Traceback" in err) == (1, True, False), err
    assert (tmp_path / FILE).read_bytes().startswith(b"this is no database")


def test_a_log_is_exported_without_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Unless it is asked for; the device has one random name, and exports are counted."""
    ids = answered(tmp_path, 3)
    out = tmp_path / "shared" / "log.jsonl"
    code, said, err = run(capsys, "log", "export", str(out))
    assert (code, said.startswith("3 outcomes, 0 scored, as device ")) == (0, True), err
    assert "which is no anonymisation" in err + said
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == ids
    assert "What is" not in out.read_text()
    done = json.loads(run(capsys, "log", "export", str(out), "--text", "--json")[1])
    files = (out, tmp_path / "fleet-device.json")
    assert [stat.S_IMODE(one.stat().st_mode) for one in files] == [0o600, 0o600]
    assert (done["export"], done["prompts"]) == (2, 3)
    assert out.read_text().count("What is") == 3
    assert {line["device"] for line in lines} == {done["device"]}


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("export",), "log export needs a file"),
        (("show", "x.jsonl"), "log show takes no FILE"),
        (("clear", "--text"), "log clear takes no FILE and no --text"),
        (("export", "{tmp_path}"), "is no regular file"),
        (("export", "{tmp_path}/link"), "is no regular file"),
        (("export", "-"), "is no regular file"),
        (("export", "{tmp_path}/outcomes.sqlite3/x.jsonl"), "cannot be written"),
    ],
)
def test_an_export_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: tuple[str, ...], complaint: str
) -> None:
    """And nothing is forgotten."""
    answered(tmp_path, 1)
    (tmp_path / "link").symlink_to("/dev/null")
    code, _, err = run(capsys, "log", *(part.format(tmp_path=tmp_path) for part in argv))
    assert (code, complaint in err) == (2, True), err
    assert len(rows(capsys)) == 1
