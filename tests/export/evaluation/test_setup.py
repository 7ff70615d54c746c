"""An evaluation set up from names and options, and what is refused before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.cli import main
from edge_router.export.data.rows import BadData, write_rows
from edge_router.export.evaluation.setup import Comparison, compare
from edge_router.export.recipe import SHIPPED, Recipe
from small_tables import EIGHT, PAIR, small_rows

NINE = {**EIGHT, "model-8": 0.85}
ROWS = {"crowd": small_rows("crowd", NINE), "two": small_rows("two", PAIR)}
BLIND = Comparison(["Random"], pool_sizes=(3,), repeats=2)
RECIPE = Recipe.load(SHIPPED)


def run(comparison: Comparison, work: Path, **options: Any) -> dict[str, Any]:
    """Without embeddings: nobody here reads a query."""
    return compare(replace(comparison, **options), RECIPE, ROWS, work=work)


def test_pools_stand_in_place_of_the_recipes_pairs(tmp_path: Path) -> None:
    """Of the tables with many experts, with their scaling and their means over groups; a pair that
    is named comes too."""
    evaluation = run(BLIND, tmp_path)
    assert [task["name"] for task in evaluation["tasks"]] == ["crowd/strong-to-weak/3"]
    assert [one["table"] for one in evaluation["scaling"]] == ["crowd"]
    assert evaluation["pool_groups"][0]["groups"] == ["strong-to-weak"]
    both = run(BLIND, tmp_path, pairs=[("two", "small", "large")])
    assert [task["kind"] for task in both["tasks"]] == ["pair", "strong-to-weak"]


def test_references_rows_and_splits_reach_the_tasks(tmp_path: Path) -> None:
    """By name, at most so many rows, and 8:1:1 or 80/20 in place of the rows' own 7:1:2."""
    (task,) = run(BLIND, tmp_path, references={"crowd": "model-1"})["tasks"]
    assert (task["reference"], task["rows"]) == ("model-1", {"train": 140, "dev": 20, "test": 40})
    (task,) = run(BLIND, tmp_path, rows=50)["tasks"]
    assert sum(task["rows"].values()) == 50
    (task,) = run(BLIND, tmp_path, splitting="80/20")["tasks"]
    assert task["rows"] == {"train": 160, "dev": 0, "test": 40}


def test_only_the_rows_that_know_the_pools_experts_are_read(tmp_path: Path) -> None:
    """The others would be embedded for nothing."""
    rows = small_rows("crowd", NINE)
    for row in rows[:20]:
        del row["score"]["model-4"]
    evaluation = compare(BLIND, RECIPE, {"crowd": rows}, work=tmp_path)
    assert sum(evaluation["tasks"][0]["rows"].values()) == 180
    assert evaluation["scaling"][0]["rows"] == 180


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"references": {"crowd": "gpt"}}, "'crowd' does not know the reference 'gpt'"),
        ({"references": {"nowhere": "gpt"}}, "no table 'nowhere'; there are crowd, two"),
        ({"tables": ["nowhere"]}, "no table 'nowhere'; there are crowd, two"),
        ({"tables": ["two"]}, "no table of two has 9 experts to make pools of"),
        ({"teach": "similarity"}, "the similarity of some answers of 'model-"),
        (
            {"contenders": ["router-small"], "splitting": "8:1:1"},
            "router-small has learned from the rows' own split; with the split 8:1:1",
        ),
    ],
)
def test_what_cannot_be_set_up_is_refused(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """With what is there instead."""
    with pytest.raises(BadData, match=message):
        run(BLIND, tmp_path, **options)


def test_the_command_makes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a file of rows, with the options of RouterEval's experiment; odd numbers are refused."""
    pytest.importorskip("matplotlib", reason="the extra `export` is not installed")
    write_rows(tmp_path / "crowd.jsonl", ROWS["crowd"])
    arguments = ["evaluate", "Random", "--outcomes", str(tmp_path / "crowd.jsonl")]
    arguments += ["--pools", "3", "5", "--split", "8:1:1", "--repeats", "2"]
    arguments += ["--reference", "crowd", "model-8", "--work", str(tmp_path / "work")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'out' / 'evaluation.html'}\n"
    assert (tmp_path / "out" / "evaluation.html").exists()
    assert "## Pools of crowd" in (tmp_path / "out" / "evaluation.md").read_text(encoding="utf-8")
    assert main(arguments) == 0
    assert "## Pools of crowd" in capsys.readouterr().out
    for odd, message in (
        (["--pools", "1"], "a pool of 1 experts leaves nothing to choose"),
        (["--pools", "3", "--epochs", "0"], "--epochs is 0; it must be 1 or more"),
        (["--pools", "3", "--rows", "-4"], "--rows is -4; it must be 1 or more"),
    ):
        assert main([*arguments, *odd]) == 1
        assert message in capsys.readouterr().err
