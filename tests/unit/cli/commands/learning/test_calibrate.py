"""edge-router calibrate: from a target to a point in use, on shipped outcomes and on one's own."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from edge_router.cli.main import main
from edge_router.routing.router import Router
from edge_router.settings.config import Config


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["calibrate", *argv])
    out, err = capsys.readouterr()
    return code, out, err


def rows(path: Path, count: int, *, wrong: tuple[int, ...] = ()) -> str:
    """Queries of growing length; the local expert is wrong in the rows of these numbers."""
    path.write_text(
        "".join(
            json.dumps(
                {"query": "Why? " * (1 + n), "score": {"local": int(n not in wrong), "frontier": 1}}
            )
            + "\n"
            for n in range(count)
        )
    )
    return str(path)


def test_a_target_becomes_one_sentence_and_a_point_that_routes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On the outcomes that the artifact carries, with no other option."""
    code, out, err = run(capsys, "--target", "quality>=0.3")
    assert code == 0
    sentence = out.splitlines()[0]
    assert sentence.startswith(
        "Routing between local and frontier keeps at least 30 % of frontier's mean score, on "
        "queries like the "
    )
    assert (
        " with 95 % confidence over their draw, if both answer like the known models of their "
        "profiles; nothing is promised of queries that need live data or a device, "
    ) in sentence
    assert sentence.endswith(" more of these, which the cheapest expert answers.")
    assert 'Use it with operating_point = "quality-0.3".' in out
    assert "quality-0.3.json and quality-0.3.svg" in err
    config = Config(operating_point="quality-0.3")
    assert Router.from_config(config).route("Hello?").operating_point == "quality-0.3"
    folder = config.data_folder / "operating-points"
    stored = json.loads((folder / "quality-0.3.json").read_text())
    assert stored["confidence"] == 0.95
    assert stored["evidence"]["queries"] == sum(stored["evidence"]["tables"].values())
    assert stored["evidence"]["quality"]["low"] >= 0.3
    assert stored["experts"] == {"local": "135m", "frontier": "frontier"}
    assert (folder / "quality-0.3.svg").read_text().startswith("<svg")


def test_what_renews_a_point_makes_the_same_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder, too."""
    monkeypatch.chdir(tmp_path)
    rows(tmp_path / "mine.jsonl", 60)
    argv = ("--target", "quality>=0.5", "--outcomes", "mine.jsonl", "--name", "mine", "--json")
    code, out, _ = run(capsys, *argv)
    assert code == 0
    first = json.loads(out)
    assert first["evidence"]["strong_calls"]["value"] == 0
    assert first["evidence"]["tables"] == {"mine.jsonl": 60}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    program, *again = shlex.split(first["command"])
    assert program == "edge-router"
    assert main([*again, "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    for point in (first, second):
        del point["created"]
    assert first == second


def test_the_stand_in_for_a_missing_cloud_expert_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Two experts on the device are three to choose among."""
    settings = tmp_path / "two.toml"
    settings.write_text(
        '[experts.local]\nbackend = "llama_cpp"\nmodel = "smollm2-135m"\nprofile = "135m"\n'
        '[experts.bigger]\nbackend = "openai"\nmodel = "m"\nprofile = "3b"\n'
        'base_url = "http://127.0.0.1:9/v1"\n'
    )
    code, _, err = run(capsys, "--target", "quality>=0.9", "--config", str(settings))
    assert code == 2
    assert "(frontier stands for the cloud expert that no settings name)" in err
    assert "give --weak, --strong" in err


def test_ten_rows_are_refused_with_the_number_needed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing is stored."""
    path = rows(tmp_path / "ten.jsonl", 10, wrong=(3, 7))
    code, out, err = run(capsys, "--target", "quality>=0.9", "--outcomes", path)
    assert (code, out) == (1, "")
    assert "10 queries do not support quality>=0.9 with 0.95 confidence" in err
    assert "more queries like them would" in err
    assert not Config().data_folder.exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--target", "quality>=0.9", "--target", "quality<=0.5"), "leave one of them out"),
        (("--target", "cost<=2"), "has the unit none"),
        (("--target", "quality>=0.9", "--confidence", "95"), "--confidence '95' must be"),
        (("--target", "quality>=0.9", "--name", "a/b"), "--name 'a/b' must be"),
        (("--target", "quality>=0.9", "--weak", "3b"), "give both --weak and --strong"),
        (("--target", "quality>=0.9", "--weak", "3b", "--strong", "3b"), "the same profile"),
        (("--target", "quality>=0.9", "--weak", "3b", "--strong", "x"), "expert 'x' is unknown"),
        (("--target", "quality>=0.9", "--tables", "none"), "no table 'none'"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], message: str
) -> None:
    """An error of ours: 2 for what was typed, 1 for what the outcomes do not give."""
    code, out, err = run(capsys, *argv)
    assert code in (1, 2)
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_other_experts_than_those_of_the_settings_are_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The point is kept, and the settings will refuse it."""
    code, _, err = run(capsys, "--target", "quality>=0.3", "--weak", "3b", "--strong", "frontier")
    assert code == 0
    assert "these settings compare local (135m), frontier (frontier): they refuse this" in err


def test_settings_that_ignore_the_point_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A preference decides instead of any operating point."""
    code, _, err = run(capsys, "--target", "quality>=0.3", "--preference", "auto")
    assert code == 0
    assert "preference = auto in these settings decides instead of operating points" in err


def test_a_folder_that_cannot_be_written_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "file"))
    code, _, err = run(capsys, "--target", "quality>=0.3")
    assert code == 2
    assert "data_dir" in err
