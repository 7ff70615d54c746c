"""A table of one's own becomes a folder for a router, or a list of what it lacks."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from argparse import Namespace
from pathlib import Path

import pytest

from edge_router import Config
from edge_router.export.cli import main
from edge_router.export.commands import pipeline
from edge_router.export.data.rows import BadData, read_rows
from edge_router.export.graphs import parity
from edge_router.export.pipeline.own_table import OwnTable
from edge_router.export.recipe import Recipe
from own_csv import own_csv


def table(tmp_path: Path, header: str, count: int = 120) -> Path:
    """A CSV under this header; the last column is always right, the others on every other row."""
    width = header.count(",")
    lines = [f"Question {n}?" + f",{n % 2}" * (width - 1) + ",1" for n in range(count)]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_folder_has_rows_recipe_and_settings(tmp_path: Path) -> None:
    """The rows to learn from and to check with are different ones; recipe and settings load."""
    own, folder = OwnTable.read(own_csv(tmp_path / "mine.csv")), tmp_path / "deep" / "mine"
    own.write(folder)
    learn, check = (
        {json.loads(line)["qkey"] for line in (folder / name).read_text().splitlines()}
        for name in ("learn.jsonl", "check.jsonl")
    )
    assert not learn & check
    assert len(learn) + len(check) == 500
    recipe = Recipe.load(folder / "recipe.toml")
    assert recipe.pairs == {"mine": ("small", "big")}
    assert (recipe.profiles["3b"], recipe.profiles["frontier"]) == (("small",), ("big",))
    settings = Config.load(folder / "config.toml")
    assert {name: one.profile for name, one in settings.experts.items()} == {
        "small": "small",
        "big": "big",
    }
    with pytest.raises(BadData, match="is there; give another --out, or --force"):
        own.write(folder)
    own.write(folder, replace=True)


@pytest.mark.parametrize("name", ["config.toml", "learn.jsonl", "check.jsonl"])
def test_no_file_of_the_users_is_replaced(tmp_path: Path, name: str) -> None:
    """A folder without a recipe may hold settings and rows that nobody has made here."""
    own = OwnTable.read(own_csv(tmp_path / "mine.csv", count=120))
    (tmp_path / name).write_text("mine")
    with pytest.raises(BadData, match=f"{name} is there; give another --out"):
        own.write(tmp_path)
    assert (tmp_path / name).read_text() == "mine"
    assert not (tmp_path / "recipe.toml").exists()


def test_the_table_itself_is_never_replaced(tmp_path: Path) -> None:
    """Half of it would be lost, whatever was forced."""
    rows = [{"query": f"Question {n}?", "scores": {"a": n % 2, "b": 1}} for n in range(120)]
    source = tmp_path / "learn.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    before = source.read_text()
    with pytest.raises(BadData, match="is the table itself"):
        OwnTable.read(source).write(tmp_path, replace=True)
    assert source.read_text() == before


def test_enrolment_comes_first_for_few_rows_only(tmp_path: Path) -> None:
    """From 2,000 rows on a router of one's own does."""
    few = [*OwnTable.read(own_csv(tmp_path / "few.csv")).next_steps(Path("x"))]
    many = [*OwnTable.read(own_csv(tmp_path / "many.csv", count=2000)).next_steps(Path("x"))]
    assert few[0] == "in seconds, on the shipped router; 500 rows are few for one of your own:"
    assert few[1] == "  edge-router enroll small --outcomes x/learn.jsonl"
    assert many[0].startswith("a router of your own, in about ")
    assert sorted(map(len, (few, many))) == [9, 9]


def test_names_that_nothing_can_be_called_are_changed(tmp_path: Path) -> None:
    """In rows, recipe and settings alike, and it is said."""
    header = 'query,3b,"org/big:7b",größer,org-big-7b'
    own = OwnTable.read(table(tmp_path, header), strong="org-big-7b")
    assert own.renamed == {"3b": "my-3b", "org/big:7b": "org-big-7b-2", "größer": "groer"}
    assert set(own.rows[0]["score"]) == {"my-3b", "org-big-7b-2", "groer", "org-big-7b"}
    assert own.weak in own.renamed.values()
    assert "'3b' is called my-3b here" in "\n".join(own.summary())
    for text in (own.recipe, own.settings(tmp_path)):
        tomllib.loads(text)


def test_a_table_is_not_called_what_means_something_else(tmp_path: Path) -> None:
    """An operating point of the router, or the table of texts without outcomes."""
    for stem in ("balanced", "transfer"):
        assert OwnTable.read(own_csv(tmp_path / f"{stem}.csv", count=120)).name == f"my-{stem}"


def test_settings_are_toml_whatever_the_folder_is_called(tmp_path: Path) -> None:
    """A new line in its name ends no comment."""
    own = OwnTable.read(own_csv(tmp_path / "mine.csv", count=120))
    settings = tomllib.loads(own.settings(Path("a\nb = c")))
    assert "b" not in settings


@pytest.mark.parametrize(
    ("header", "names", "fault"),
    [
        ("query,a,b", {"weak": "c"}, "has no scores of 'c'; it has a, b"),
        ("query,a,b", {"weak": "b", "strong": "b"}, "a second expert: --weak and --strong are"),
        ("query,a", {}, "the only expert in .* is 'a'; .*; csv is a header such as query,small"),
        ("prompt,a,b", {}, "no column 'query'; .*; csv is a header such as query,small,big"),
        ("query;a;b", {}, "one cell: save the file with commas instead of ';'"),
    ],
)
def test_what_is_no_table_for_a_router_is_refused(
    tmp_path: Path, header: str, names: dict[str, str], fault: str
) -> None:
    """With what it has and what it should look like."""
    path = table(tmp_path, header)
    if ";" in header:
        path.write_text("query;a;b\nWhy?;1;0\n", encoding="utf-8")
    with pytest.raises(BadData, match=fault):
        OwnTable.read(path, **names)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are texts there")
def test_a_name_that_the_locale_cannot_read_is_stored(tmp_path: Path) -> None:
    """Under LC_ALL=C, Python keeps its bytes as halves of characters, which no file can hold."""
    name = os.fsdecode("Zürich".encode("latin-1"))
    path = own_csv(tmp_path / f"{name}.csv", count=120)
    OwnTable.read(path).write(tmp_path / name)
    assert {row["source"] for row in read_rows(tmp_path / name / "learn.jsonl")} == {
        "csv/Z\ufffdrich"
    }
    assert "Z\ufffdrich/config.toml" in (tmp_path / name / "config.toml").read_text("utf-8")


def test_too_few_rows_and_no_difference_are_said(tmp_path: Path) -> None:
    """How many more it takes."""
    with pytest.raises(BadData, match="it lacks 70 more queries with scores of both 'a' and 'b'"):
        OwnTable.read(table(tmp_path, "query,a,b", count=30))
    path = tmp_path / "same.csv"
    path.write_text("query,a,b\n" + "".join(f"Q {n}?,1,1\n" for n in range(200)))
    with pytest.raises(BadData, match="it lacks a query on which 'a' and 'b' differ"):
        OwnTable.read(path)
    whole = {"task": "t", "split": "test", "score": {"a": 0, "b": 1}}
    lines = [json.dumps({"query": f"Q {n}?", "qkey": str(n)} | whole) for n in range(150)]
    (tmp_path / "test.jsonl").write_text("\n".join(lines))
    with pytest.raises(BadData, match=r"it lacks 10 more rows whose split is 'train'$"):
        OwnTable.read(tmp_path / "test.jsonl")
    with pytest.raises(BadData, match=r"no \.csv or \.jsonl; make outcome rows .* export import"):
        OwnTable.read(Path(__file__))


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        ([], "give RECIPE and --data DATA, or --outcomes TABLE"),
        (["x.toml"], "give RECIPE and --data DATA, or --outcomes TABLE"),
        (["x.toml", "--outcomes", "mine.csv"], "or --outcomes TABLE, not both"),
        (
            ["x.toml", "--data", ".", "--weak", "a"],
            "--weak and --strong name experts of",
        ),
        (["--outcomes", "nothing.csv"], "nothing.csv is not there"),
    ],
)
def test_run_takes_a_recipe_or_a_table(
    argv: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of the two, and names only with a table."""
    assert main(["run", *argv]) != 0
    assert fault in capsys.readouterr().err


def test_run_from_a_table_makes_its_folder_and_says_that_rows_are_few(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then it follows the recipe in it, whose first step checks what is there."""
    options = Namespace(
        outcomes=own_csv(tmp_path / "mine.csv"), weak="small", strong="big", work=tmp_path, out=None
    )
    pipeline.from_table(options)
    assert (options.data, options.out) == (tmp_path / "mine", tmp_path / "mine" / "router")
    assert Recipe.load(options.recipe).pairs == {"mine": ("small", "big")}
    assert "edge-router enroll small --outcomes" in capsys.readouterr().out
    pipeline.from_table(options)  # again: the same rows, the same recipe


TINY = """
name = "mine"
[teachers.first]
epochs = 1
max_tokens = 16
[students.tiny]
layers = [0]
width = 64
feed_forward = 64
words = 3000
epochs = 2
max_tokens = 16
[profiles]
3b = ["small"]
mine = ["small", "big"]
frontier = ["big"]
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch and optimum warn about themselves while exporting
def test_a_recipe_of_a_few_keys_makes_a_router(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs come from the table; its experts and a group of one's own are profiles of settings."""
    pytest.importorskip("torch", reason="the extra `export` is not installed")
    pytest.importorskip("optimum", reason="the extra `export` is not installed")
    for limit in ("MAX_FLIP_RATE", "MAX_PAIR_FLIP_RATE", "MAX_AUC_DROP"):  # of 56 queries
        monkeypatch.setattr(parity, limit, 1.0)
    source, folder = own_csv(tmp_path / "mine.csv", count=240), tmp_path / "mine"
    assert main(["init", str(source), "--out", str(folder)]) == 0
    (folder / "recipe.toml").write_text(TINY)
    where = ["--data", str(folder), "--work", str(tmp_path), "--out", str(tmp_path / "router")]
    code = main(["run", str(folder / "recipe.toml"), *where])
    assert code == 0, capsys.readouterr().err
    from edge_router.routing.artifact.manifest import RouterArtifact

    artifact = RouterArtifact.load(tmp_path / "router")
    assert set(artifact.experts["experts"]) == {"small", "big", "mine"}
    (measured,) = artifact.manifest.metrics["test"]
    assert (measured["weak"], measured["strong"]) == ("small", "big")
    assert "| mine | small / big |" in (tmp_path / "router" / "README.md").read_text()
