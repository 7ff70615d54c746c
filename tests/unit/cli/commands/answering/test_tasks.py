"""edge-router tasks: from labelled questions and an outcome table to routed queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from made_tasks import write_rows

QUESTIONS = {
    "law": (
        "Which court hears an appeal against a conviction for theft?",
        "Is a contract valid without consideration under common law?",
        "What must the plaintiff prove in a negligence suit?",
        "Can a witness refuse to testify in a criminal trial?",
        "Who bears the burden of proof in a tort case?",
        "When does a landlord have to return the deposit of a tenant?",
    ),
    "maths": (
        "What is the derivative of x squared plus three x?",
        "Solve the equation 3x + 7 = 22 for x.",
        "How many prime numbers are there below fifty?",
        "What is the integral of sin x from 0 to pi?",
        "Find the determinant of the matrix with rows 1 2 and 3 4.",
        "What is the sum of the first ten odd numbers?",
    ),
}
SETTINGS = """
[experts.small]
backend = "openai"
model = "small"
profile = "3b"
base_url = "http://127.0.0.1:9/v1"

[experts.big]
backend = "openai"
model = "big"
profile = "frontier"
location = "cloud"
base_url = "http://127.0.0.1:9/v1"

[tasks]
set = "exam"
"""


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text(SETTINGS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Outcomes: small is right on maths, big on law; the last two of each task are test rows."""
    rows = [
        {
            "query": query,
            "task": task,
            "split": "test" if n > 3 else "train",
            "score": {"tiny-llm": int(task == "maths"), "big": int(task == "law")},
        }
        for task, queries in QUESTIONS.items()
        for n, query in enumerate(queries)
    ]
    return str(write_rows(tmp_path / "outcomes.jsonl", rows))


def ran(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[str, str]:
    """Standard output and standard error of an action that works."""
    code, out, err = run(capsys, "tasks", *argv)
    assert code == 0, err
    return out, err


def as_json(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    return json.loads(ran(capsys, *argv, "--json")[0])


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line of an action that does not work."""
    code, out, err = run(capsys, "tasks", *argv)
    assert code in (1, 2)
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_from_a_table_to_a_routed_query(capsys: pytest.CaptureFixture[str], table: str) -> None:
    """Map, enrol, classify, route: each on its own, with what people and machines read."""
    out, err = ran(capsys, "map", "--outcomes", table, "--split", "train", "--rename",
                   "tiny-llm=small")  # fmt: skip
    assert "law: big (100.0%" in out
    assert "maths: small (100.0%" in out
    assert "warning: law: big cannot be told apart from small" in err
    out, _ = ran(capsys, "enroll", table, "--split", "train")
    assert "8 labelled questions of 2 tasks" in out
    out, err = ran(capsys, "classify", "Can the court revoke a will?")
    assert out == "law\n"
    assert " by head · " in err
    named = as_json(capsys, "classify", "What is 12 times 12?")
    assert named["task"] == "maths"
    assert sum(named["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
    for query, expert in (("Can the court revoke a will?", "big"), ("What is 12 + 12?", "small")):
        routed = as_json(capsys, "route", query)
        assert (routed["expert"], routed["reason"]) == (expert, "task_expert")
    private = as_json(capsys, "route", "Can the court revoke a will?", "--placement",
                      "only_on_device")  # fmt: skip
    assert (private["expert"], private["wanted"]) == ("small", "big")


def test_a_task_is_given_to_another_expert_by_hand(
    capsys: pytest.CaptureFixture[str], table: str
) -> None:
    """It is shown as such, and routed to."""
    ran(capsys, "map", "--outcomes", table, "--rename", "tiny-llm=small")
    ran(capsys, "enroll", table)
    out, _ = ran(capsys, "set", "law", "small")
    assert "set by hand" in out
    assert "law: small (0.0%" in ran(capsys, "show")[0]
    assert as_json(capsys, "route", "Can the court revoke a will?")["expert"] == "small"
    shown = as_json(capsys, "show")
    assert shown["mapping"]["by_task"]["law"]["expert"] == "small"
    assert (shown["questions"], shown["head"]) == (12, True)
    assert as_json(capsys, "list") == {"task_sets": ["exam"], "in_use": "exam"}


def test_a_mapping_is_made_by_hand_where_nothing_was_measured(
    capsys: pytest.CaptureFixture[str], table: str
) -> None:
    """Who answers everything else begins it; tasks that were learned later join."""
    ran(capsys, "enroll", table)
    assert "tasks set unknown EXPERT" in refused(capsys, "set", "law", "big")
    assert "unknown: small (no scores, set by hand)" in ran(capsys, "set", "unknown", "small")[0]
    ran(capsys, "set", "law", "big")
    assert as_json(capsys, "route", "Can the court revoke a will?")["expert"] == "big"
    assert as_json(capsys, "route", "What is the integral of cos x?")["expert"] == "small"
    shown, warned = ran(capsys, "show")
    assert "maths: small (no scores, set by hand)" in shown
    assert not warned


def test_what_the_mapping_cannot_answer_is_said(
    capsys: pytest.CaptureFixture[str], table: str, tmp_path: Path
) -> None:
    """A task that it lacks, and an expert that the settings lack."""
    ran(capsys, "map", "--outcomes", table)
    names = tmp_path / "tasks.txt"
    names.write_text("maths\nlaw\nhealth\ncooking\n")
    ran(capsys, "define", str(names))
    assert "answered as unknown: health, cooking" in "".join(ran(capsys, "show"))
    assert "no expert 'smal'" in "".join(ran(capsys, "set", "law", "smal"))
    ran(capsys, "set", "cooking", "small")
    out, warned = ran(capsys, "show")
    assert "cooking: small (no scores, set by hand)" in out
    assert "answered as unknown: health" in warned


@pytest.mark.parametrize("classifier", ["head", "neighbours"])
def test_an_evaluation_has_measures_figures_and_a_journal(
    capsys: pytest.CaptureFixture[str], table: str, tmp_path: Path, classifier: str
) -> None:
    """On rows that were not enrolled; with outcomes, two stages stand beside single experts."""
    ran(capsys, "map", "--outcomes", table, "--split", "train")
    ran(capsys, "enroll", table, "--split", "train")
    options = ("--classifier", classifier, "--journal", str(tmp_path / "j.jsonl"))
    plots = tmp_path / "plots"
    result = as_json(capsys, "eval", table, *options, "--plots", str(plots))
    assert result["questions"] == 4
    assert result["measures"]["accuracy"][0] == 1.0
    accuracy = {name: one["mean"] for name, one in result["two_stage"]["accuracy"].items()}
    assert accuracy["two stages"] == 1.0
    assert (accuracy["tiny-llm"], accuracy["big"]) == (0.5, 0.5)
    assert {path.name for path in plots.iterdir()} == {"confusion.svg", "radar.svg"}
    assert len((tmp_path / "j.jsonl").read_text().splitlines()) == 4
    out, err = ran(capsys, "eval", table, *options, "--limit", "3")
    assert "left out: 8 questions that were enrolled" in err
    assert "f1, weighted" in out
    assert "3 questions" in out
    assert "oracle" in out


def test_a_list_of_ones_own_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, table: str
) -> None:
    """For classifiers that read it and learn nothing; also that of a table."""
    path = tmp_path / "tasks.txt"
    path.write_text("law\nmaths\n")
    assert "2 tasks: law, maths" in ran(capsys, "define", str(path), "--set", "mine")[0]
    assert "2 tasks" in ran(capsys, "define", table, "--set", "table")[0]
    assert ran(capsys, "show", "--set", "mine")[0].splitlines()[1:] == ["  law", "  maths"]


def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], table: str, tmp_path: Path
) -> None:
    """A list of one task, one expert, strangers, nothing made yet, all of it enrolled."""
    one = tmp_path / "one.txt"
    one.write_text("law\n")
    assert "2 to 1,000 tasks" in refused(capsys, "define", str(one))
    assert "tasks enroll FILE" in refused(capsys, "classify", "Hello?")
    assert "scores of 1" in refused(capsys, "map", "--outcomes", table, "--experts", "big")
    assert "TABLE=SETTINGS" in refused(capsys, "map", "--outcomes", table, "--rename", "x")
    assert "must be one of head" in refused(capsys, "classify", "?", "--classifier", "bert")
    assert "cannot be the name" in refused(capsys, "show", "--set", "a/b")
    ran(capsys, "enroll", table)
    assert "tasks map --outcomes" in refused(capsys, "route", "Hello?")
    code, _, err = run(capsys, "tasks", "eval", table)
    assert code == 2
    assert "give some that were not enrolled" in err
    assert "lacks" in refused(capsys, "enroll", str(write_rows(tmp_path / "x.jsonl", [{"a": 1}])))


def test_a_classifier_that_cannot_be_reached_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, table: str
) -> None:
    """The expert of the settings is behind a closed port: an error for classify, and for route the
    expert of no known task."""
    ran(capsys, "map", "--outcomes", table, "--rename", "tiny-llm=small")
    code, _, err = run(capsys, "tasks", "classify", "Hello?", "--classifier", "llm")
    assert code == 1
    assert "refused" in err
    routed = as_json(capsys, "route", "Hello?", "--classifier", "llm")
    assert routed["classification"]["task"] == "unknown"
